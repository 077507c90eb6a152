// SPDX-License-Identifier: MIT
using System.Text.RegularExpressions;
using BlockHost.Architecture.Tests.Support;

namespace BlockHost.Architecture.Tests;

/// <summary>The house rules a compiler does not check.</summary>
public sealed partial class SourceTests
{
    private static readonly string[] Folders = ["Abstractions", "Host", "Plugins", "Tests"];

    [Fact]
    public void Every_source_file_names_its_licence_in_its_first_line() =>
        Nobody(Folders, file => File.ReadLines(file).FirstOrDefault() != "// SPDX-License-Identifier: MIT");

    [Fact]
    public void Nothing_is_left_to_do() => Nobody(Folders, file => Unfinished().IsMatch(File.ReadAllText(file)));

    [Fact]
    public void Libraries_have_no_async_void() =>
        Nobody(["Abstractions", "Host", "Plugins"], file => AsyncVoid().IsMatch(File.ReadAllText(file)));

    [Fact]
    public void The_system_is_called_in_one_place() =>
        Nobody(["Host", "Plugins"], file => File.ReadAllText(file).Contains("\"libc\"", StringComparison.Ordinal));

    /// <summary>QMP's own exception is the monitor's: below it there is <c>BlockException</c>.</summary>
    [Fact]
    public void The_graph_has_one_exception() => Nobody(
        ["Abstractions/BlockHost.Abstractions/Block", "Host/BlockHost.Core/Block"],
        file => File.ReadAllText(file).Contains("QmpException", StringComparison.Ordinal));

    /// <summary>What code decides by stands beside the text: a kind, an errno, the parameter.</summary>
    [Fact]
    public void Nobody_reads_the_texts_of_exceptions() =>
        Nobody(["Abstractions", "Host", "Plugins"], file => ReadsMessage().IsMatch(File.ReadAllText(file)));

    /// <summary>One that has run a plugin's code must not end: docs/decisions/13. These two run none.</summary>
    [Fact]
    public void The_host_makes_threads_that_end_in_two_places() => Assert.Equal(
        ["KernelDevice.cs", "PassingThread.cs"],
        Repository.Sources("Host").Where(file => MakesThread().IsMatch(File.ReadAllText(file))).Select(Path.GetFileName).Order());

    /// <summary>A text stays in one piece, however long; nothing else does.</summary>
    [Fact]
    public void Lines_end_at_130_columns()
    {
        var offenders =
            from file in Repository.Sources([.. Folders, "Benchmarks", "samples"])
            from line in LongLines(File.ReadAllLines(file))
            select $"{Path.GetFileName(file)}:{line}";

        Assert.Empty(offenders);
    }

    private static IEnumerable<int> LongLines(string[] lines)
    {
        const int columns = 130;
        var isInText = false;
        for (var i = 0; i < lines.Length; i++)
        {
            var line = lines[i];
            var isComment = line.TrimStart().StartsWith("//", StringComparison.Ordinal);
            var holdsText = isInText || (!isComment && line.Contains('"'));
            if (!isComment && RawText().Count(line) % 2 == 1)
                isInText = !isInText;
            if (line.Length > columns && !holdsText)
                yield return i + 1;
        }
    }

    private static void Nobody(string[] folders, Func<string, bool> offends)
    {
        var offenders = Repository.Sources(folders).Where(offends).ToList();
        Assert.Empty(offenders);
    }

    [GeneratedRegex(@"\b(TO" + @"DO|FIX" + @"ME|HA" + @"CK|NotImplemented" + @"Exception)\b")]
    private static partial Regex Unfinished();

    [GeneratedRegex(@"\.Message\.(Contains|StartsWith|EndsWith|Split|IndexOf)|Match\(\w+\.Message|\.Message (==|is) ")]
    private static partial Regex ReadsMessage();

    [GeneratedRegex(@"\bnew Thread\(|TaskCreationOptions\.LongRunning|\bnew Task\(")]
    private static partial Regex MakesThread();

    [GeneratedRegex("\"{3,}")]
    private static partial Regex RawText();

    [GeneratedRegex(@"\basync\s+void\b")]
    private static partial Regex AsyncVoid();
}
