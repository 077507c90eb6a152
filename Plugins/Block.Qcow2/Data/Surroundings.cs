// SPDX-License-Identifier: MIT
using System.Buffers;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Qcow2.Metadata;

namespace BlockHost.Plugins.Block.Qcow2.Data;

/// <summary>
/// What stands before or behind the guest's data in its cluster: a copy, zeroes, or nothing that must be written.
/// </summary>
internal readonly struct Surroundings : IDisposable
{
    private readonly IMemoryOwner<byte>? _copy;
    private readonly int _bytes;

    private Surroundings(IMemoryOwner<byte>? copy, int bytes)
    {
        _copy = copy;
        _bytes = bytes;
    }

    /// <summary>Zeroes that the storage already holds.</summary>
    private static Surroundings LeftOut => new(null, -1);

    public bool IsLeftOut => _bytes < 0;

    public bool IsCopy => _copy is not null;

    /// <summary>Reads what the guest sees in the range, which lies in one cluster.</summary>
    public static ValueTask<Surroundings> ReadAsync(Qcow2Image image, long guestOffset, int bytes, Allocation allocation) =>
        bytes == 0 ? default : ReadSomeAsync(image, guestOffset, bytes, allocation);

    public void AddTo(IoVector vector)
    {
        if (_copy is not null)
        {
            vector.Add(_copy.Memory[.._bytes]);
            return;
        }
        for (var left = _bytes; left > 0; left -= ZeroBytes.Block.Length)
            vector.Add(ZeroBytes.Block[..Math.Min(left, ZeroBytes.Block.Length)]);
    }

    public void Dispose() => _copy?.Dispose();

    private static async ValueTask<Surroundings> ReadSomeAsync(
        Qcow2Image image, long guestOffset, int bytes, Allocation allocation)
    {
        if (await ReadsZeroAsync(image, guestOffset, bytes).ConfigureAwait(false))
        {
            await image.File.FireAsync(BlkdebugEvent.ClusterAllocSpace).ConfigureAwait(false);
            // Zeroes of the storage are no zeroes where they are decrypted.
            return allocation.Host.Untouched && image.Data.Cipher is null ? LeftOut : new Surroundings(null, bytes);
        }

        await image.File.FireAsync(BlkdebugEvent.CowRead).ConfigureAwait(false);
        var buffer = image.Buffers.Rent(bytes);
        try
        {
            // The last cluster may reach past the end of the disk, where nothing is to be read.
            var inside = (int)Math.Clamp(image.Length - guestOffset, 0, bytes);
            buffer.Memory.Span[inside..bytes].Clear();
            if (inside > 0)
                await image.Reader.MapAndReadAsync(
                    guestOffset, buffer.Memory[..inside], ReadFlags.None, CancellationToken.None).ConfigureAwait(false);
            return new Surroundings(buffer, bytes);
        }
        catch
        {
            buffer.Dispose();
            throw;
        }
    }

    private static async ValueTask<bool> ReadsZeroAsync(Qcow2Image image, long guestOffset, int bytes)
    {
        var end = Math.Min(guestOffset + bytes, image.Length);
        while (guestOffset < end)
        {
            var extent = await image.Map.LookupAsync(
                guestOffset, end - guestOffset, splitOwned: false, CancellationToken.None).ConfigureAwait(false);
            var readsZero = extent.Kind == ExtentKind.Zero
                || (extent.Kind == ExtentKind.Unallocated && (image.Backing is not { } backing || guestOffset >= backing.Length));
            if (!readsZero) return false;
            guestOffset += extent.Length;
        }
        return true;
    }
}

/// <summary>Zeroes to write from.</summary>
internal static class ZeroBytes
{
    public static Memory<byte> Block { get; } = new byte[64 << 10];
}
