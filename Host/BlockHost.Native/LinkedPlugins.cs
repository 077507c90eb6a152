// SPDX-License-Identifier: MIT
using BlockHost.Core.Plugins;

namespace BlockHost.Composition;

/// <summary>The plugins that the composition lists; the build writes the other half.</summary>
internal static partial class LinkedPlugins
{
    public static partial IReadOnlyList<LinkedPluginSource> All();
}
