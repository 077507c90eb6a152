// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;

namespace BlockHost.Formats;

public static class PreallocationNames
{
    /// <summary>As in options and messages.</summary>
    public static string WireName(this PreallocationMode mode) => mode switch
    {
        PreallocationMode.Off => "off",
        PreallocationMode.Metadata => "metadata",
        PreallocationMode.Falloc => "falloc",
        _ => "full",
    };
}
