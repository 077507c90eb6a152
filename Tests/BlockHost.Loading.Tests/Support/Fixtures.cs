// SPDX-License-Identifier: MIT
using System.Reflection;

namespace BlockHost.Loading.Tests.Support;

/// <summary>Where the fixture plugins were built.</summary>
internal static class Fixtures
{
    /// <summary>Path of a fixture's main assembly, by its project's name.</summary>
    public static string Assembly(string project) =>
        typeof(Fixtures).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
            .Single(attribute => attribute.Key == $"Fixture:{project}").Value!;

    /// <summary>A folder of the repository that holds the fixture's sources.</summary>
    public static string Sources(string project) => SourceTree.PathOf("Tests", "Loading", project);
}
