// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;

namespace BlockHost.Plugins.Block.Vhdx.Maintenance;

/// <summary>The options of <c>create -o</c>, in QEMU's order and words.</summary>
internal static class CreateOptionTable
{
    public static IReadOnlyList<CreateOption> All { get; } =
    [
        new("size", CreateOptionKind.Size, "Virtual disk size; max of 64TB.", "size"),
        new("log_size", CreateOptionKind.Size, "Log size; min 1MB.", "log-size", "1048576"),
        new(
            "block_size",
            CreateOptionKind.Size,
            "Block Size; min 1MB, max 256MB. 0 means auto-calculate based on image size.",
            "block-size",
            "0"),
        new(
            "subformat",
            CreateOptionKind.String,
            "VHDX format type, can be either 'dynamic' or 'fixed'. Default is 'dynamic'.",
            "subformat"),
        new(
            "block_state_zero",
            CreateOptionKind.Bool,
            "Force use of payload blocks of type 'ZERO'. Non-standard, but default.  "
            + "Do not set to 'off' when using 'qemu-img convert' with subformat=dynamic.",
            "block-state-zero"),
        new("backing_file", CreateOptionKind.String, "File name of a base image", "backing-file") { IsBeyondQemu = true },
        new("backing_fmt", CreateOptionKind.String, "Must be 'vhdx' if present", "backing-fmt") { IsBeyondQemu = true },
    ];
}
