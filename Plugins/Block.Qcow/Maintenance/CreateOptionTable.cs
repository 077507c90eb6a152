// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;

namespace BlockHost.Plugins.Block.Qcow.Maintenance;

/// <summary>The options of <c>create -o</c>, in QEMU's order and words.</summary>
internal static class CreateOptionTable
{
    public static IReadOnlyList<CreateOption> All { get; } =
    [
        new("size", CreateOptionKind.Size, "Virtual disk size", "size"),
        new("backing_file", CreateOptionKind.String, "File name of a base image", "backing-file"),
        new("backing_fmt", CreateOptionKind.String, "Format of the backing image", "backing-fmt"),
        new(
            "encryption",
            CreateOptionKind.Bool,
            "Encrypt the image with format 'aes'. (Deprecated in favor of encrypt.format=aes)",
            "encrypt.format")
        {
            Values = new Dictionary<string, string> { ["on"] = "aes" },
        },
        new("encrypt.format", CreateOptionKind.String, "Encrypt the image, format choices: 'aes'", "encrypt.format"),
        new(
            "encrypt.key-secret",
            CreateOptionKind.String,
            "ID of the secret that provides the AES encryption key",
            "encrypt.key-secret"),
    ];
}
