// SPDX-License-Identifier: MIT
using System.Globalization;

namespace BlockHost.Plugins.Block.Iscsi.Naming;

/// <summary>Where a target listens.</summary>
internal sealed record Portal(string Host, int Port)
{
    public const int DefaultPort = 3260;

    /// <param name="text">HOST[:PORT], with an IPv6 address in brackets; what follows a comma is the portal group.</param>
    /// <returns>Null: it is none.</returns>
    public static Portal? Parse(string text)
    {
        var end = text.IndexOf(',', StringComparison.Ordinal);
        if (end >= 0)
            text = text[..end];
        var bracket = text.StartsWith('[') ? text.IndexOf(']', StringComparison.Ordinal) : 0;
        if (bracket < 0)
            return null;
        var colon = text.IndexOf(':', bracket);
        var host = colon < 0 ? text : text[..colon];
        if (bracket > 0 && host.Length != bracket + 1)
            return null;
        host = host.Trim('[', ']');
        if (host.Length == 0)
            return null;
        if (colon < 0)
            return new Portal(host, DefaultPort);
        return ushort.TryParse(text[(colon + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port > 0
            ? new Portal(host, port)
            : null;
    }

    public override string ToString() => Host.Contains(':', StringComparison.Ordinal) ? $"[{Host}]:{Port}" : $"{Host}:{Port}";
}
