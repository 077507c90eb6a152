// SPDX-License-Identifier: MIT
using BlockHost.Tools.Differential.Tests.Scripts;
using BlockHost.Tools.Differential.Tests.Sides;

namespace BlockHost.Tools.Differential.Tests;

/// <summary>Our tools beside QEMU's on the same command lines.</summary>
[Collection(InProcessTool.OneAtATime)]
public sealed class DifferentialTests
{
    private static readonly Lazy<bool> IsQemu72 = new(() =>
        InstalledPrograms.Has("qemu-img") && InstalledPrograms.Has("qemu-io") && InstalledPrograms.Has("qemu-nbd")
        && ProgramRunner.Run("/", "qemu-img", ["--version"]).Output.Contains(" version 7.2.", StringComparison.Ordinal));

    public static TheoryData<string, string> Cases
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (var found in CaseFile.ReadAll())
                data.Add(found.File, found.Name);
            return data;
        }
    }

    [SkippableTheory]
    [MemberData(nameof(Cases))]
    public void Prints_returns_and_leaves_what_qemu_does(string file, string name)
    {
        Skip.IfNot(IsQemu72.Value, "the tools of QEMU 7.2 are not installed");

        var differences = CaseRunner.Run(CaseFile.Find(file, name));

        Assert.True(differences.Count == 0, $"{file}.txt, {name}:\n" + string.Join("\n====\n", differences));
    }
}
