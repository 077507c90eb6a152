// SPDX-License-Identifier: MIT
using System.Reflection;
using System.Runtime.Loader;

namespace BlockHost.Loading;

/// <summary>
/// The context that a plugin's asks first for every assembly. It has the shared ones and nothing else of the host's: the
/// default context would also give away the host's copy of a library that the plugin brings itself.
/// </summary>
/// <remarks>
/// The library takes an exception here for "not shared" and turns to the plugin's folder. So a version that is too new is
/// refused before (<see cref="SharedAssemblies.Objection"/>), and whoever still asks gets the host's: never a second contract.
/// Collectible, because the contract's own context may be.
/// </remarks>
internal sealed class SharedContext(SharedAssemblies shared) : AssemblyLoadContext("shared with plugins", isCollectible: true)
{
    protected override Assembly Load(AssemblyName assemblyName) =>
        shared.TryGet(assemblyName, out var assembly)
            ? assembly
            : throw new FileNotFoundException($"{assemblyName} is not shared with plugins");
}
