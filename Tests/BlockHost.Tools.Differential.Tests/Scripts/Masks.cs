// SPDX-License-Identifier: MIT
using System.Text.RegularExpressions;

namespace BlockHost.Tools.Differential.Tests.Scripts;

/// <summary>Takes out of an output what two runs of one program would not print alike either.</summary>
internal sealed partial class Masks
{
    private readonly List<Regex> _more = [];
    private bool _anySize;

    public void Add(string pattern) => _more.Add(new Regex(pattern, RegexOptions.Multiline | RegexOptions.CultureInvariant));

    public void AddSizes() => _anySize = true;

    public string Apply(string output, string folder)
    {
        output = output.Replace(folder, "DIR", StringComparison.Ordinal);
        output = Rates().Replace(output, "TIME");
        output = Seconds().Replace(output, "TIME");
        output = Dates().Replace(output, "DATE");
        if (_anySize)
            output = DiskSizes().Replace(output, "SIZE");
        return _more.Aggregate(output, (text, mask) => mask.Replace(text, "*"));
    }

    [GeneratedRegex(@"\d\d\.\d\d(\d\d)? sec \(.*?\)|\d+:\d\d:\d\d\.\d\d \(.*?\)|(?<=,)\d+:\d\d:\d\d\.\d\d,.*")]
    private static partial Regex Rates();

    [GeneratedRegex(@"(?<=Run completed in )\S+")]
    private static partial Regex Seconds();

    [GeneratedRegex("""\d{4}-\d\d-\d\d \d\d:\d\d:\d\d|"date-n?sec": \d+""")]
    private static partial Regex Dates();

    [GeneratedRegex("""disk size: .*|"actual-size": \d+""")]
    private static partial Regex DiskSizes();
}
