// SPDX-License-Identifier: MIT
namespace BlockHost.Tools.Img.Platforms;

/// <summary>
/// Platforms and what their makers' documentation says that they take ("docs/guides/platforms.md" has the sources).
/// </summary>
internal static class PlatformTable
{
    private const long MiB = 1L << 20;
    private const long GiB = 1L << 30;
    private const long TiB = 1L << 40;

    /// <summary>As far as the format reaches.</summary>
    private const long LargestVhd = 2040 * GiB;

    private static readonly PlatformOption ExactSize = new("force_size", "on");

    public static IReadOnlyList<Platform> All { get; } =
    [
        new("azure", "Azure", [new("vpc", LargestVhd, new("subformat", "fixed"), ExactSize)], MiB),
        new(
            "hyperv",
            "Hyper-V",
            [
                new("vhdx", 64 * TiB, new PlatformOption("subformat", "dynamic", "fixed")),
                new("vpc", LargestVhd, new("subformat", "dynamic", "fixed"), ExactSize),
            ],
            MiB,
            3 * MiB),
        new(
            "esxi",
            "ESXi",
            [
                new(
                    "vmdk",
                    62 * TiB,
                    new("adapter_type", "lsilogic", "buslogic"),
                    new("subformat", "streamOptimized", "monolithicFlat")),
            ],
            MiB),
        new(
            "virtualbox",
            "VirtualBox",
            [
                new("vdi", 2 * TiB),
                new("vmdk", 2 * TiB, new PlatformOption("subformat", "monolithicSparse", "streamOptimized", "monolithicFlat")),
                new("vpc", LargestVhd, ExactSize),
            ],
            MiB),
        new(
            "aws",
            "AWS",
            [
                new("vmdk", 16 * TiB, new PlatformOption("subformat", "streamOptimized")),
                new("vhdx", 16 * TiB),
                new("vpc", LargestVhd, ExactSize),
                new("raw", 16 * TiB),
            ],
            MiB),
        new("gcp", "Google Compute Engine", [new("raw", 64 * TiB)], GiB, IsArchived: true),
    ];
}
