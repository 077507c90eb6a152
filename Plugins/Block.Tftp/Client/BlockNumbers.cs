// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.Tftp.Client;

/// <summary>
/// A file's blocks, counted from 1, as packets number them with 16 bits: after 65535 comes 0, or with some servers 1.
/// </summary>
internal struct BlockNumbers
{
    private bool _skipsZero;

    public readonly ushort OnWire(long block) =>
        !_skipsZero || block <= ushort.MaxValue ? (ushort)block : (ushort)(((block - 1) % ushort.MaxValue) + 1);

    /// <summary>The block is the one expected.</summary>
    /// <param name="isSingle">The server sends block by block, so that none can have been lost before this one.</param>
    public bool IsNext(long expected, ushort onWire, bool isSingle)
    {
        if (expected == ushort.MaxValue + 1 && onWire == 1 && isSingle)
            _skipsZero = true;
        return OnWire(expected) == onWire;
    }
}
