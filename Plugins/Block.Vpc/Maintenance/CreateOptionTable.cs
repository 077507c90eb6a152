// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;

namespace BlockHost.Plugins.Block.Vpc.Maintenance;

/// <summary>The options of <c>create -o</c>, in QEMU's order and words, and those of differencing images.</summary>
internal static class CreateOptionTable
{
    public static IReadOnlyList<CreateOption> All { get; } =
    [
        new("size", CreateOptionKind.Size, "Virtual disk size", "size"),
        new(
            "subformat",
            CreateOptionKind.String,
            "Type of virtual hard disk format. Supported formats are {dynamic (default) | fixed} ",
            "subformat"),
        new(
            "force_size",
            CreateOptionKind.Bool,
            "Force disk size calculation to use the actual size specified, rather than using the nearest CHS-based calculation",
            "force-size"),
        new("backing_file", CreateOptionKind.String, "File name of a base image", "backing-file") { IsBeyondQemu = true },
        new("backing_fmt", CreateOptionKind.String, "Must be 'vpc' if present", "backing-fmt") { IsBeyondQemu = true },
    ];
}
