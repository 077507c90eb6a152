// SPDX-License-Identifier: MIT
using System.Numerics;
using System.Text.Json;
using System.Text.Json.Nodes;
using BlockHost.Block;
using BlockHost.Crypto.Luks;

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

    /// <summary>Key slots that change; null where the format asked for has none.</summary>
    public Qcow2EncryptionAmendment? Encryption { get; init; }

    /// <summary>Reads the members, and refuses what no image can be given, in QEMU's words.</summary>
    public static AmendRequest Read(JsonElement options)
    {
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
            Encryption = options.TryGetProperty("encrypt", out var encrypt) ? ReadEncryption(encrypt) : null,
        };
    }

    /// <summary>By QMP the format is said; by command lines it is the image's, and the only one that can change.</summary>
    private static Qcow2EncryptionAmendment ReadEncryption(JsonElement encrypt)
    {
        var members = JsonObject.Create(encrypt)!;
        var format = members["format"]?.GetValue<string>() ?? "luks";
        members.Remove("format");
        if (format == "luks")
            LuksAmendOptions.RequireState(encrypt);
        // The tag comes first.
        var tagged = new JsonObject { ["format"] = format };
        foreach (var (name, value) in members)
            tagged[name] = value?.DeepClone();
        return tagged.Deserialize(Qcow2Json.Default.Qcow2EncryptionAmendment)!;
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
