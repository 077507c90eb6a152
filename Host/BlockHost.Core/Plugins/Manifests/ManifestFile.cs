// SPDX-License-Identifier: MIT
using BlockHost.Plugins;

namespace BlockHost.Core.Plugins;

/// <summary>Reads one manifest. It may come from anywhere: everything in it is checked before it is believed.</summary>
public static class ManifestFile
{
    /// <summary>
    /// The manifest of a plugin that is linked into the program, whose files are in <paramref name="programFolder"/>.
    /// </summary>
    /// <exception cref="PluginException">It is not usable; the message is a reason.</exception>
    public static PluginManifest Parse(ReadOnlyMemory<byte> json, string programFolder) =>
        JsonMembers.Read(json, members => Read(members, ManifestChecks.Id(members.RequiredText("id")), programFolder));

    /// <param name="path">Absolute path of the manifest.</param>
    /// <param name="pluginFolder">The folder that the manifest's assembly is in; null: there is none.</param>
    /// <returns>The manifest, or the reason why it is not usable.</returns>
    public static PluginCandidate Read(string path, string? pluginFolder)
    {
        var id = Path.GetFileNameWithoutExtension(path);
        try
        {
            var manifest = JsonMembers.ReadFile(path, members =>
            {
                id = ManifestChecks.Id(members.RequiredText("id"));
                return Read(
                    members, id, pluginFolder ?? throw new PluginException("has no folder of plugins to find its assembly in"));
            });
            return new PluginCandidate(id, path, manifest, null);
        }
        catch (PluginException e)
        {
            return new PluginCandidate(id, path, null, $"its manifest {path} {e.Message}");
        }
    }

    private static PluginManifest Read(JsonMembers members, string id, string pluginFolder)
    {
        members.Text("$schema");
        var provides = members.RequiredObject("provides", Provides);
        return new PluginManifest
        {
            Id = id,
            Name = members.Text("name") ?? id,
            Version = members.RequiredText("version"),
            Description = members.Text("description") ?? "",
            AssemblyPath = ManifestChecks.AssemblyPath(members.RequiredText("assembly"), pluginFolder),
            Sha256 = ManifestChecks.Sha256(members.RequiredText("sha256")),
            Contract = members.RequiredObject(
                "contract", contract => ManifestChecks.Contract(contract.Text("min"), contract.Text("max"))),
            Provides = provides,
            Probes = members.Objects("probes", probe => ManifestChecks.Probe(
                probe.RequiredText("driver"),
                probe.Number("offset"),
                probe.Text("magic"),
                probe.Text("suffix"),
                provides[ProvidedKind.Driver])),
            FileNamePrefixes = ManifestChecks.Prefixes(members.TextMap("fileNamePrefixes"), provides[ProvidedKind.Driver]),
        };
    }

    private static PluginProvides Provides(JsonMembers members) => new(
        ProvidedKind.All.SelectMany(kind => ManifestChecks.Names(members, kind.Id).Select(name => new ProvidedName(kind, name))));
}
