// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;

namespace BlockHost.Plugins.Block.Qcow2.Creation;

/// <summary>The options of <c>create -o</c>, with QEMU 7.2's help and in the order in which it prints their values.</summary>
internal static class CreateOptionTable
{
    public static IReadOnlyList<CreateOption> All { get; } =
    [
        new(
            "encryption",
            CreateOptionKind.Bool,
            "Encrypt the image with format 'aes'. (Deprecated in favor of encrypt.format=aes)",
            "encrypt.format")
        {
            Values = new Dictionary<string, string> { ["on"] = "qcow" },
        },
        new("encrypt.format", CreateOptionKind.String, "Encrypt the image, format choices: 'aes', 'luks'", "encrypt.format")
        {
            Values = new Dictionary<string, string> { ["aes"] = "qcow" },
        },
        new(
            "encrypt.key-secret",
            CreateOptionKind.String,
            "ID of secret providing qcow AES key or LUKS passphrase",
            "encrypt.key-secret"),
        new("encrypt.cipher-alg", CreateOptionKind.String, "Name of encryption cipher algorithm", "encrypt.cipher-alg"),
        new("encrypt.cipher-mode", CreateOptionKind.String, "Name of encryption cipher mode", "encrypt.cipher-mode"),
        new("encrypt.ivgen-alg", CreateOptionKind.String, "Name of IV generator algorithm", "encrypt.ivgen-alg"),
        new("encrypt.ivgen-hash-alg", CreateOptionKind.String, "Name of IV generator hash algorithm", "encrypt.ivgen-hash-alg"),
        new("encrypt.hash-alg", CreateOptionKind.String, "Name of encryption hash algorithm", "encrypt.hash-alg"),
        new("encrypt.iter-time", CreateOptionKind.Number, "Time to spend in PBKDF in milliseconds", "encrypt.iter-time"),
        new("cluster_size", CreateOptionKind.Size, "qcow2 cluster size", "cluster-size", "65536"),
        new("extended_l2", CreateOptionKind.Bool, "Extended L2 tables", "extended-l2", "off"),
        new(
            "preallocation",
            CreateOptionKind.String,
            "Preallocation mode (allowed values: off, metadata, falloc, full)",
            "preallocation"),
        new(
            "compression_type",
            CreateOptionKind.String,
            "Compression method used for image cluster compression",
            "compression-type",
            "zlib"),
        new("size", CreateOptionKind.Size, "Virtual disk size", "size"),
        new("compat", CreateOptionKind.String, "Compatibility level (v2 [0.10] or v3 [1.1])", "version")
        {
            Values = new Dictionary<string, string> { ["0.10"] = "v2", ["1.1"] = "v3" },
        },
        new("backing_file", CreateOptionKind.String, "File name of a base image", "backing-file"),
        new("backing_fmt", CreateOptionKind.String, "Image format of the base image", "backing-fmt"),
        new("data_file", CreateOptionKind.String, "File name of an external data file", "data-file") { MakesFile = true },
        new("data_file_raw", CreateOptionKind.Bool, "The external data file must stay valid as a raw image", "data-file-raw"),
        new("lazy_refcounts", CreateOptionKind.Bool, "Postpone refcount updates", "lazy-refcounts", "off"),
        new("refcount_bits", CreateOptionKind.Number, "Width of a reference count entry in bits", "refcount-bits", "16"),
    ];
}
