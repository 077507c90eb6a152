// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Raw;

/// <summary>
/// The part of the storage that a raw image shows.
/// <code>
///   storage  0 ────── offset ─────────────── offset + size ────── end
///   image             0 ──────────────────── length
/// </code>
/// </summary>
/// <param name="Size">Null: to the end of the storage, wherever that moves.</param>
internal sealed record Window(long Offset, long? Size)
{
    internal const int SectorSize = 512;

    /// <exception cref="BlockException">The window does not lie in <paramref name="storageLength"/> bytes.</exception>
    internal static Window From(RawOptions options, long storageLength)
    {
        var offset = NotNegative(options.Offset ?? 0, "offset");
        if (offset > storageLength)
            throw Invalid($"Offset ({offset}) cannot be greater than size of the containing file ({storageLength})");
        if (options.Size is not { } size)
            return new Window(offset, null);
        NotNegative(size, "size");
        if (size > storageLength - offset)
        {
            // The two spaces are QEMU's, and part of the text that its users match.
            throw Invalid(
                $"The sum of offset ({offset}) and size ({size}) has to be smaller or equal to the  actual size of the containing file ({storageLength})");
        }

        if (size % SectorSize != 0)
            throw Invalid($"Specified size is not multiple of {SectorSize}");
        return new Window(offset, size);
    }

    /// <summary>Whole sectors; what a last, partial one lacks reads as zeroes.</summary>
    internal long Length(long storageLength) => Size ?? RoundUp(Math.Max(0, storageLength - Offset));

    internal static long RoundUp(long bytes) =>
        bytes > long.MaxValue - SectorSize ? bytes : (bytes + SectorSize - 1) / SectorSize * SectorSize;

    private static long NotNegative(long value, string option) =>
        value >= 0 ? value : throw new BlockException(ParameterFault.OutOfRange(option, "a non-negative number below 2^64"));

    private static BlockException Invalid(string message) => new(BlockErrorKind.InvalidArgument, message);
}
