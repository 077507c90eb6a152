// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;

namespace BlockHost.Plugins.Block.Vmdk.Maintenance;

/// <summary>The options of <c>create -o</c>, in QEMU's order and words.</summary>
internal static class CreateOptionTable
{
    public static IReadOnlyList<CreateOption> All { get; } =
    [
        new("size", CreateOptionKind.Size, "Virtual disk size", "size"),
        new(
            "adapter_type",
            CreateOptionKind.String,
            "Virtual adapter type, can be one of ide (default), lsilogic, buslogic or legacyESX",
            "adapter-type")
        {
            Choices = ["ide", "buslogic", "lsilogic", "legacyESX"],
        },
        new("backing_file", CreateOptionKind.String, "File name of a base image", "backing-file"),
        new("backing_fmt", CreateOptionKind.String, "Must be 'vmdk' if present", "backing-fmt"),
        new("compat6", CreateOptionKind.Bool, "VMDK version 6 image", "compat6", "off"),
        new("hwversion", CreateOptionKind.String, "VMDK hardware version", "hwversion", DescriptorText.Undefined),
        new("toolsversion", CreateOptionKind.String, "VMware guest tools version", "toolsversion"),
        new(
            "subformat",
            CreateOptionKind.String,
            "VMDK flat extent format, can be one of {monolithicSparse (default) | monolithicFlat | twoGbMaxExtentSparse | twoGbMaxExtentFlat | streamOptimized} ",
            "subformat")
        {
            Choices = ["monolithicSparse", "monolithicFlat", "twoGbMaxExtentSparse", "twoGbMaxExtentFlat", "streamOptimized"],
        },
        new(
            "zeroed_grain",
            CreateOptionKind.Bool,
            "Enable efficient zero writes using the zeroed-grain GTE feature",
            "zeroed-grain"),
    ];
}
