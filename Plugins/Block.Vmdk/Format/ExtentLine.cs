// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Text.RegularExpressions;

namespace BlockHost.Plugins.Block.Vmdk.Format;

/// <summary>One extent of a description: <c>RW 4194304 FLAT "disk-f001.vmdk" 0</c>.</summary>
/// <param name="Sectors">Length.</param>
/// <param name="Offset">First sector in the file, of flat ones.</param>
internal sealed partial record ExtentLine(long Sectors, string Type, string FileName, long Offset)
{
    public bool IsFlat => Type is "FLAT" or "VMFS";

    /// <returns>Null: it is none, or none that is readable and writable and of a type that is known.</returns>
    /// <exception cref="Block.BlockException">It is one and wrong.</exception>
    public static ExtentLine? TryParse(string line)
    {
        var match = Pattern().Match(line);
        if (!match.Success || match.Groups["access"].Value != "RW")
            return null;
        var type = match.Groups["type"].Value;
        var hasOffset = match.Groups["offset"].Success;
        var offset = hasOffset ? Number(match.Groups["offset"].Value) : 0;
        if (type == "FLAT" ? offset < 0 || !hasOffset : hasOffset)
            throw VmdkFault.Invalid($"Invalid extent line: {line}");
        var sectors = Number(match.Groups["sectors"].Value);
        if (sectors <= 0 || type is not ("FLAT" or "SPARSE" or "VMFS" or "VMFSSPARSE" or "SESPARSE"))
            return null;
        if (sectors > long.MaxValue / 1024 || offset > long.MaxValue / 1024)
            throw VmdkFault.Invalid($"Invalid extent line: {line}");
        return new ExtentLine(sectors, type, Descriptor.Name(match.Groups["name"].Value), offset);
    }

    private static long Number(string digits) =>
        long.TryParse(digits, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number) ? number : -1;

    [GeneratedRegex(
        "^\\s*(?<access>\\S+)\\s+(?<sectors>[+-]?\\d+)\\s+(?<type>\\S+)\\s+\"(?<name>[^\\n\\r\"]+)\"?(\\s+(?<offset>[+-]?\\d+))?")]
    private static partial Regex Pattern();
}
