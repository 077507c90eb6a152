// SPDX-License-Identifier: MIT
namespace BlockHost.EndToEnd.Tests.Support;

/// <summary>Where the programs are: ours in artifacts/bin, the peers on the path.</summary>
internal static class Programs
{
    public static string Root { get; } = FindRoot();

    public static string Blockhost => Ours("blockhost");

    public static string Ours(string name) => Path.Combine(Root, "artifacts", "bin", name);

    /// <summary>Skips the test where a peer program is not installed.</summary>
    public static void Require(params string[] names)
    {
        foreach (var name in names)
            Skip.IfNot(Exists(name), $"{name} is not installed");
    }

    /// <summary>Skips the test where the installed QEMU is another one than the one whose output is expected.</summary>
    public static void RequireQemu72()
    {
        Require("qemu-img");
        Skip.IfNot(
            CommandRunner.Run("qemu-img", "--version").Output.Contains(" version 7.2.", StringComparison.Ordinal),
            "the installed qemu-img is not 7.2");
    }

    private static bool Exists(string name) =>
        Environment.GetEnvironmentVariable("PATH")!.Split(':').Any(folder => File.Exists(Path.Combine(folder, name)));

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Extensible.sln")))
            folder = folder.Parent ?? throw new InvalidOperationException("Extensible.sln is not above the tests");
        return folder.FullName;
    }
}
