// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Block.Iscsi.Naming;

/// <summary>iscsi://[USER[%PASSWORD]@]HOST[:PORT]/TARGET/LUN, and iser:// in the place of iscsi://.</summary>
internal static class IscsiUrl
{
    private const string Tcp = "iscsi://";
    private const string Iser = "iser://";
    private const int LongestName = 255;

    /// <exception cref="BlockException">It is none; QEMU's text.</exception>
    public static JsonElement Parse(string url)
    {
        var scheme = url.StartsWith(Tcp, StringComparison.Ordinal) ? Tcp : Iser;
        if (!url.StartsWith(scheme, StringComparison.Ordinal))
            throw Invalid(url);
        // The login may have slashes, a target has no '@'.
        var rest = url[scheme.Length..].Split('?')[0];
        var at = rest.LastIndexOf('@');
        var parts = rest[(at + 1)..].Split('/');
        var isWhole = parts.Length == 3 && Portal.Parse(parts[0]) is not null && parts[1].Length is > 0 and <= LongestName
            && int.TryParse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture, out _);
        if (!isWhole)
            throw Invalid(url);
        return QmpJson.WriteObject(writer =>
        {
            writer.WriteString("transport", scheme == Tcp ? "tcp" : "iser");
            writer.WriteString("portal", parts[0]);
            writer.WriteString("target", parts[1]);
            writer.WriteString("lun", parts[2]);
            if (at >= 0)
                WriteLogin(writer, rest[..at]);
        });
    }

    private static void WriteLogin(Utf8JsonWriter writer, string login)
    {
        var percent = login.IndexOf('%', StringComparison.Ordinal);
        writer.WriteString("user", percent < 0 ? login : login[..percent]);
        if (percent >= 0)
            writer.WriteString("password", login[(percent + 1)..]);
    }

    /// <summary>The URL without a login that it may hold.</summary>
    private static BlockException Invalid(string url)
    {
        var start = url.IndexOf("//", StringComparison.Ordinal) + 2;
        var at = url.LastIndexOf('@');
        var shown = at >= start ? url[..start] + url[(at + 1)..] : url;
        return new BlockException(BlockErrorKind.InvalidArgument, $"Failed to parse URL : {shown}");
    }
}
