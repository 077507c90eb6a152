// SPDX-License-Identifier: MIT
namespace BlockHost.Testing;

/// <summary>The source tree that the tests were built from.</summary>
public static class SourceTree
{
    public static string Root { get; } = FindRoot();

    public static string PathOf(params string[] parts) => Path.Combine([Root, .. parts]);

    /// <summary>Our program by its own name or the name of one of QEMU's.</summary>
    public static string Program(string name) => PathOf("artifacts", "bin", name);

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Extensible.sln")))
            folder = folder.Parent ?? throw new DirectoryNotFoundException("the tests do not run inside the source tree");
        return folder.FullName;
    }
}
