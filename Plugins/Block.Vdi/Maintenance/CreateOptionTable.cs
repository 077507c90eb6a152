// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;

namespace BlockHost.Plugins.Block.Vdi.Maintenance;

/// <summary>The options of <c>create -o</c>, in QEMU's order and words.</summary>
internal static class CreateOptionTable
{
    public static IReadOnlyList<CreateOption> All { get; } =
    [
        new("size", CreateOptionKind.Size, "Virtual disk size", "size"),
        new("static", CreateOptionKind.Bool, "VDI static (pre-allocated) image", "preallocation", "off")
        {
            Values = new Dictionary<string, string> { ["on"] = "metadata", ["off"] = "off" },
        },
        new("backing_file", CreateOptionKind.String, "File name of a base image", "backing-file") { IsBeyondQemu = true },
        new("backing_fmt", CreateOptionKind.String, "Must be 'vdi' if present", "backing-fmt") { IsBeyondQemu = true },
    ];
}
