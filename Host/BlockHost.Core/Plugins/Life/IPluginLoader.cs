// SPDX-License-Identifier: MIT
using BlockHost.Plugins;

namespace BlockHost.Core.Plugins;

/// <summary>Brings plugins from files into the process. A statically composed program has none.</summary>
public interface IPluginLoader
{
    /// <summary>Reads every manifest the loader was told of. Never throws: an unreadable one is an answer.</summary>
    IReadOnlyList<PluginCandidate> Discover();

    /// <summary>Reads one manifest; the plugin's folder is the manifest's.</summary>
    PluginCandidate ReadManifest(string path);

    /// <summary>Whether the files of a loaded plugin hold another code by now than the one that runs.</summary>
    bool HasNewCode(PluginManifest loaded);

    /// <summary>Checks hash, contract and entry before any code runs, then loads the code and constructs the plugin.</summary>
    /// <exception cref="UnsupportedContractException">The plugin was compiled against a contract this host does not
    /// serve.</exception>
    /// <exception cref="PluginException">Anything else. Messages are reasons without a subject: they follow "Plugin 'x' is
    /// faulted: ".</exception>
    ILoadedPlugin Load(PluginManifest manifest);
}

/// <summary>A manifest, or why there is none.</summary>
/// <param name="Id">The manifest's id; where it cannot be read, the file's name.</param>
public sealed record PluginCandidate(string Id, string Path, PluginManifest? Manifest, string? Reason);

/// <summary>A plugin whose code is in the process.</summary>
public interface ILoadedPlugin
{
    Plugin Plugin { get; }

    /// <summary>Why the plugin cannot be unloaded, to follow "Plugin 'x' cannot be unloaded: "; null: it can.</summary>
    string? ResidentBecause { get; }

    /// <summary>
    /// Lets go of the plugin and asks the runtime to unload its code. The caller drops this object and everything else
    /// of the plugin's, and looks at the answer for the proof.
    /// </summary>
    IUnloadProof Unload();
}

/// <summary>Tells whether the runtime has really collected a plugin's code.</summary>
public interface IUnloadProof
{
    bool IsCollected { get; }
}

/// <summary>The plugin needs a contract that this host does not serve.</summary>
public sealed class UnsupportedContractException(string message) : Exception(message);
