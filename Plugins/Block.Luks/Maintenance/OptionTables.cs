// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;

namespace BlockHost.Plugins.Block.Luks.Maintenance;

/// <summary>The options of <c>create -o</c> and <c>amend -o</c>, with QEMU 7.2's help and in its order.</summary>
internal static class OptionTables
{
    private const string IterTimeHelp = "Time to spend in PBKDF in milliseconds";

    public static IReadOnlyList<CreateOption> Create { get; } =
    [
        new("size", CreateOptionKind.Size, "Virtual disk size", "size"),
        new(
            "key-secret",
            CreateOptionKind.String,
            "ID of the secret that provides the keyslot passphrase",
            "key-secret"),
        new("cipher-alg", CreateOptionKind.String, "Name of encryption cipher algorithm", "cipher-alg"),
        new("cipher-mode", CreateOptionKind.String, "Name of encryption cipher mode", "cipher-mode"),
        new("ivgen-alg", CreateOptionKind.String, "Name of IV generator algorithm", "ivgen-alg"),
        new("ivgen-hash-alg", CreateOptionKind.String, "Name of IV generator hash algorithm", "ivgen-hash-alg"),
        new("hash-alg", CreateOptionKind.String, "Name of encryption hash algorithm", "hash-alg"),
        new("iter-time", CreateOptionKind.Number, IterTimeHelp, "iter-time"),
    ];

    public static IReadOnlyList<CreateOption> Amend { get; } =
    [
        new("state", CreateOptionKind.String, "Select new state of affected keyslots (active/inactive)", "state"),
        new(
            "new-secret",
            CreateOptionKind.String,
            "New secret to set in the matching keyslots. Empty string to erase",
            "new-secret"),
        new("old-secret", CreateOptionKind.String, "Select all keyslots that match this password", "old-secret"),
        new("keyslot", CreateOptionKind.Number, "Select a single keyslot to modify explicitly", "keyslot"),
        new("iter-time", CreateOptionKind.Number, IterTimeHelp, "iter-time"),
    ];
}
