// SPDX-License-Identifier: MIT
namespace BlockHost.Tools.Differential.Tests.Scripts;

/// <summary>One line of a case: <paramref name="Verb"/> is "qemu-img" or "@file", the rest are its words.</summary>
internal sealed record Step(int Line, string Text, string Verb, IReadOnlyList<string> Args)
{
    /// <summary>What follows the verb, as it was written.</summary>
    public string Rest => Text[Verb.Length..].Trim();
}

internal sealed record Case(string File, string Name, IReadOnlyList<Step> Steps);

/// <summary>Reads Cases/*.txt; the README describes the syntax.</summary>
internal static class CaseFile
{
    private static string Folder => Path.Combine(AppContext.BaseDirectory, "Cases");

    public static IEnumerable<Case> ReadAll() =>
        Directory.EnumerateFiles(Folder, "*.txt").Order(StringComparer.Ordinal).SelectMany(Read);

    public static Case Find(string file, string name) =>
        Read(Path.Combine(Folder, file + ".txt")).Single(found => found.Name == name);

    private static List<Case> Read(string path)
    {
        var file = Path.GetFileNameWithoutExtension(path);
        var cases = new List<Case>();
        var lists = new Dictionary<string, List<Step>>();
        List<Step>? steps = null;
        var number = 0;
        foreach (var raw in File.ReadLines(path))
        {
            number++;
            var line = raw.Trim();
            if (line.Length == 0 || line.StartsWith('#'))
                continue;
            if (line.StartsWith("@case ", StringComparison.Ordinal))
                cases.Add(new(file, line["@case ".Length..].Trim(), steps = []));
            else if (line.StartsWith("@list ", StringComparison.Ordinal))
                lists.Add(line["@list ".Length..].Trim(), steps = []);
            else if (steps is null)
                throw new FormatException($"{file}.txt:{number}: a step before the first @case");
            else if (line.StartsWith("@steps ", StringComparison.Ordinal))
                steps.AddRange(lists[line["@steps ".Length..].Trim()]);
            else
                steps.Add(Parse(file, number, line));
        }

        return cases;
    }

    private static Step Parse(string file, int number, string line)
    {
        var verb = line.Split(' ', 2)[0];
        try
        {
            // Free text is not split into words.
            var args = verb is "@mask" or "@stdin" or "@gap" ? [] : Words.Split(line[verb.Length..]);
            return new(number, line, verb, args);
        }
        catch (FormatException e)
        {
            throw new FormatException($"{file}.txt:{number}: {e.Message}", e);
        }
    }
}
