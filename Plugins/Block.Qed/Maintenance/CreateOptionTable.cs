// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;

namespace BlockHost.Plugins.Block.Qed.Maintenance;

/// <summary>The options of <c>create -o</c>, in QEMU's order and words.</summary>
internal static class CreateOptionTable
{
    public static IReadOnlyList<CreateOption> All { get; } =
    [
        new("size", CreateOptionKind.Size, "Virtual disk size", "size"),
        new("backing_file", CreateOptionKind.String, "File name of a base image", "backing-file"),
        new("backing_fmt", CreateOptionKind.String, "Image format of the base image", "backing-fmt"),
        new("cluster_size", CreateOptionKind.Size, "Cluster size (in bytes)", "cluster-size", "65536"),
        new("table_size", CreateOptionKind.Size, "L1/L2 table size (in clusters)", "table-size"),
    ];
}
