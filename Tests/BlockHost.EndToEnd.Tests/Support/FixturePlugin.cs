// SPDX-License-Identifier: MIT
using System.Reflection;
using System.Security.Cryptography;
using System.Text.Json.Nodes;

namespace BlockHost.EndToEnd.Tests.Support;

/// <summary>A plugin of Tests/Loading in a folder of its own, with its manifest, as a third party would ship it.</summary>
internal static class FixturePlugin
{
    /// <returns>Options of the daemon that has it.</returns>
    public static string[] Install(Folder folder, string project, string id, JsonObject provides)
    {
        var assembly = typeof(FixturePlugin).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
            .Single(attribute => attribute.Key == "Fixture:" + project).Value!;
        var plugin = Directory.CreateDirectory(folder["plugins/" + id]).FullName;
        foreach (var file in Directory.EnumerateFiles(Path.GetDirectoryName(assembly)!))
            File.Copy(file, Path.Combine(plugin, Path.GetFileName(file)));
        Directory.CreateDirectory(folder["manifests"]);
        File.WriteAllText(folder[$"manifests/{id}.json"], new JsonObject
        {
            ["id"] = id,
            ["name"] = project,
            ["version"] = "1.0.0",
            ["assembly"] = Path.GetFileName(assembly),
            ["sha256"] = Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(assembly))),
            ["contract"] = new JsonObject { ["min"] = "1.0", ["max"] = "2.0" },
            ["provides"] = provides,
        }.ToJsonString());
        return ["--plugin-path", folder["plugins"], "--manifests", folder["manifests"]];
    }
}
