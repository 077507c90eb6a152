// SPDX-License-Identifier: MIT
namespace BlockHost.EndToEnd.Tests.Support;

/// <summary>Where the programs are: ours in artifacts/bin, the peers on the path.</summary>
internal static class Programs
{
    /// <summary>The one that loads plugins.</summary>
    public static string Blockhost => Ours("blockhost");

    /// <summary>
    /// The one that starts at once, with its plugins linked in, where "./blockhost build" has put it behind QEMU's names.
    /// </summary>
    public static string Native =>
        new FileInfo(Ours("qemu-img")).ResolveLinkTarget(returnFinalTarget: true) is { Exists: true, Name: "blockhost-native" } native
            ? native.FullName
            : Blockhost;

    public static string Ours(string name) => SourceTree.Program(name);

    /// <summary>Skips the test where a peer program is not installed.</summary>
    public static void Require(params string[] names)
    {
        foreach (var name in names)
            Skip.IfNot(InstalledPrograms.Has(name), $"{name} is not installed");
    }

    /// <summary>Skips the test where the installed QEMU is another one than the one whose output is expected.</summary>
    public static void RequireQemu72()
    {
        Require("qemu-img");
        Skip.IfNot(
            CommandRunner.Run("qemu-img", "--version").Output.Contains(" version 7.2.", StringComparison.Ordinal),
            "the installed qemu-img is not 7.2");
    }
}
