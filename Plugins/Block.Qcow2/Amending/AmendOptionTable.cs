// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Qcow2.Creation;

namespace BlockHost.Plugins.Block.Qcow2.Amending;

/// <summary>The options of <c>amend -o</c>, with QEMU 7.2's help.</summary>
internal static class AmendOptionTable
{
    private static readonly string[] SharedWithCreation =
        ["compat", "size", "backing_file", "backing_fmt", "data_file", "data_file_raw", "lazy_refcounts", "refcount_bits"];

    public static IReadOnlyList<CreateOption> All { get; } =
    [
        new("encrypt.state", CreateOptionKind.String, "Select new state of affected keyslots (active/inactive)", "encrypt.state"),
        new(
            "encrypt.new-secret",
            CreateOptionKind.String,
            "New secret to set in the matching keyslots. Empty string to erase",
            "encrypt.new-secret"),
        new("encrypt.old-secret", CreateOptionKind.String, "Select all keyslots that match this password", "encrypt.old-secret"),
        new("encrypt.keyslot", CreateOptionKind.Number, "Select a single keyslot to modify explicitly", "encrypt.keyslot"),
        new("encrypt.iter-time", CreateOptionKind.Number, "Time to spend in PBKDF in milliseconds", "encrypt.iter-time"),
        .. CreateOptionTable.All.Where(o => SharedWithCreation.Contains(o.Name)).Select(o => o with { Default = null }),
    ];
}
