// SPDX-License-Identifier: MIT
using System.Numerics;
using System.Text.Json;
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Qcow2.Amending;

/// <summary>What an amendment asks for; null: stays as it is.</summary>
internal sealed record AmendRequest
{
    public int? Version { get; init; }

    public long? Size { get; init; }

    public bool? LazyRefcounts { get; init; }

    public int? RefcountOrder { get; init; }

    /// <summary>Empty: the image no longer names one.</summary>
    public string? DataFile { get; init; }

    public bool? DataFileRaw { get; init; }

    /// <summary>Reads the members, and refuses what no image can be given, in QEMU's words.</summary>
    public static AmendRequest Read(JsonElement options)
    {
        if (options.TryGetProperty("encrypt", out _))
            throw new BlockException(BlockErrorKind.InvalidArgument, "Amend can't be used to change the qcow2 encryption format");
        if (options.TryGetProperty("backing-file", out _) || options.TryGetProperty("backing-fmt", out _))
            throw new BlockException(BlockErrorKind.InvalidArgument, "Cannot amend the backing file")
            { Hint = "You can use 'qemu-img rebase' instead." };
        return new AmendRequest
        {
            Version = options.TryGetProperty("version", out var version) ? ParseVersion(version.GetString()) : null,
            Size = options.TryGetProperty("size", out var size) ? size.GetInt64() : null,
            LazyRefcounts = Flag(options, "lazy-refcounts"),
            RefcountOrder = options.TryGetProperty("refcount-bits", out var bits) ? Order(bits.GetInt64()) : null,
            DataFile = options.TryGetProperty("data-file", out var file) ? file.GetString() : null,
            DataFileRaw = Flag(options, "data-file-raw"),
        };
    }

    private static bool? Flag(JsonElement options, string name) =>
        options.TryGetProperty(name, out var value) ? value.GetBoolean() : null;

    private static int ParseVersion(string? name) => name switch
    {
        "v2" => 2,
        "v3" => 3,
        _ => throw new BlockException(BlockErrorKind.InvalidArgument, $"Unknown compatibility level {name}"),
    };

    private static int Order(long bits) => bits is >= 1 and <= 64 && BitOperations.IsPow2(bits)
        ? BitOperations.Log2((ulong)bits)
        : throw new BlockException(
            BlockErrorKind.InvalidArgument, "Refcount width must be a power of two and may not exceed 64 bits");
}
