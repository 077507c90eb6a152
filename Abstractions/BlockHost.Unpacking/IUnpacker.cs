// SPDX-License-Identifier: MIT
namespace BlockHost.Unpacking;

/// <summary>
/// One way of compression. What comes in is hostile: whatever it says, a decoder writes into the given memory alone, takes memory
/// in proportion to both, and ends. Safe for any number of threads.
/// </summary>
public interface IUnpacker
{
    /// <summary>Fills <paramref name="content"/>, which has exactly the size that was packed.</summary>
    /// <returns>False: damaged, or it holds less or more.</returns>
    bool TryUnpack(ReadOnlyMemory<byte> packed, Span<byte> content);
}
