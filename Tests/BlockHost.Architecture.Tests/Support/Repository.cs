// SPDX-License-Identifier: MIT
using System.Xml.Linq;

namespace BlockHost.Architecture.Tests.Support;

/// <summary>The source tree these tests were built from.</summary>
internal static class Repository
{
    /// <summary>Folders of the plugins, by project name ("Block.Raw").</summary>
    public static IReadOnlyList<string> PluginProjects { get; } =
        [.. Directory.EnumerateDirectories(PathOf("Plugins")).Where(HasProject)
            .Select(folder => Path.GetFileName(folder)!).Order()];

    public static string PathOf(params string[] parts) => SourceTree.PathOf(parts);

    /// <summary>All project files under a top-level folder.</summary>
    public static IEnumerable<string> Projects(string folder) =>
        Directory.EnumerateFiles(PathOf(folder), "*.csproj", SearchOption.AllDirectories).Order();

    /// <summary>Names of the projects that a project file refers to by itself (not by Directory.Build.*).</summary>
    public static IReadOnlyList<string> ProjectReferences(string project) =>
        [.. References(project, "ProjectReference")
            .Select(include => Path.GetFileNameWithoutExtension(include.Replace('\\', '/')))];

    public static IReadOnlyList<string> PackageReferences(string project) => [.. References(project, "PackageReference")];

    /// <summary>Source files that people wrote.</summary>
    public static IEnumerable<string> Sources(params string[] folders) =>
        folders.SelectMany(folder => Directory.EnumerateFiles(PathOf(folder), "*.cs", SearchOption.AllDirectories));

    private static IEnumerable<string> References(string project, string element) =>
        XDocument.Load(project).Descendants(element).Select(reference => reference.Attribute("Include")?.Value).OfType<string>();

    private static bool HasProject(string folder) => File.Exists(Path.Combine(folder, Path.GetFileName(folder) + ".csproj"));
}
