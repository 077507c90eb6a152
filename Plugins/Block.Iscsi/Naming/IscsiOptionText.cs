// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Iscsi.Naming;

/// <summary>Options of command lines and json: names, which QEMU's driver checks itself, in its words.</summary>
internal static class IscsiOptionText
{
    private static readonly string[] Required = ["transport", "portal", "target"];
    private static readonly string[] Digests = ["crc32c", "none", "crc32c-none", "none-crc32c"];

    /// <exception cref="BlockException">They say too little, or something that there is not; QEMU's texts.</exception>
    public static JsonElement Modernise(JsonElement options)
    {
        if (Required.Any(name => !options.TryGetProperty(name, out _)))
            throw Invalid("Need all of transport, portal and target options");
        if (Text(options, "transport") is { } transport and not ("tcp" or "iser"))
            throw Invalid($"Unknown transport: {transport}");
        if (Text(options, "header-digest") is { } digest && !Digests.Contains(digest))
            throw Invalid($"Invalid header-digest setting : {digest}");
        return options;
    }

    private static string? Text(JsonElement options, string name) =>
        options.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static BlockException Invalid(string message) => new(BlockErrorKind.InvalidArgument, message);
}
