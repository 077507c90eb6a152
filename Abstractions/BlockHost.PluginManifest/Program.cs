// SPDX-License-Identifier: MIT
using System.Security.Cryptography;
using BlockHost.PluginManifest;
using BlockHost.Plugins;

if (args is not [var assembly, var template, var output, var version])
{
    Console.Error.WriteLine("usage: BlockHost.PluginManifest ASSEMBLY TEMPLATE OUTPUT VERSION");
    return 2;
}

try
{
    var manifest = new ManifestTemplate(File.ReadAllText(template)).Fill(
        version,
        Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(assembly))),
        BuiltPlugin.Load(assembly).Provides);
    File.WriteAllText(output, manifest);
    return 0;
}
catch (Exception e) when (e is PluginException or IOException or BadImageFormatException or UnauthorizedAccessException)
{
    // In the form that the build takes for an error of the file.
    Console.Error.WriteLine($"{template} : error PLUGIN : {e.Message}");
    return 1;
}
