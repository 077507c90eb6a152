// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Virtio.VhostUser;

namespace BlockHost.Plugins.Export.VhostUserBlk.Device;

/// <summary>
/// One request (virtio 1.2, 5.2.6), whose parts may lie in any number of descriptors:
/// <code>
///   the device reads    │ type u32 │ reserved u32 │ sector u64 │ data of a write, or ranges │
///   the device writes   │ data of a read, or the id │ status u8 │
/// </code>
/// Data goes between the guest's memory and the driver below without a copy here.
/// </summary>
internal sealed class BlkRequest : VirtioRequest
{
    private const int HeaderLength = 16;

    /// <summary>As much as QEMU's block layer takes at once.</summary>
    private const long MaxData = int.MaxValue & ~(long)(BlkConfig.SectorSize - 1);

    private static readonly byte[] Id = "vhost_user_blk\0\0\0\0\0\0"u8.ToArray();

    private readonly BlkDevice _device;
    private readonly IBlockQueue _queue;
    private readonly Action _continuation;
    private ConfiguredValueTaskAwaitable<IoStatus>.ConfiguredValueTaskAwaiter _awaiter;
    private IoStatus _status;

    public BlkRequest(Vring ring, BlkDevice device, IBlockQueue queue)
        : base(ring)
    {
        (_device, _queue) = (device, queue);
        _continuation = Completed;
    }

    public override void Begin()
    {
        var (input, output) = (Chain.Readable.All, Chain.Writable.All);
        if (input.Length < HeaderLength || output.Length < 1)
        {
            // Nowhere to say so.
            Done(0);
            Ring.Break("a request without header or status");
            return;
        }

        Span<byte> header = stackalloc byte[HeaderLength];
        input.Slice(0, HeaderLength).CopyTo(header);
        var type = (BlkRequestType)BinaryPrimitives.ReadUInt32LittleEndian(header) & ~BlkRequestType.Barrier;
        var sector = BinaryPrimitives.ReadUInt64LittleEndian(header[8..]);
        Carry(type, sector, input.Slice(HeaderLength), output.Slice(0, output.Length - 1));
    }

    protected override void Resume() => Finish(_status);

    private void Carry(BlkRequestType type, ulong sector, IoSlice input, IoSlice output)
    {
        switch (type)
        {
            case BlkRequestType.Read:
                Read(sector, output);
                break;
            case BlkRequestType.Write:
                Write(sector, input);
                break;
            case BlkRequestType.Flush:
                Settle(_queue.FlushAsync());
                break;
            case BlkRequestType.GetId:
                output.CopyFrom(Id.AsSpan(0, (int)Math.Min(Id.Length, output.Length)));
                Answer(BlkStatus.Ok);
                break;
            case BlkRequestType.Discard:
            case BlkRequestType.WriteZeroes:
                CarryRange(type == BlkRequestType.WriteZeroes, input);
                break;
            default:
                Answer(BlkStatus.Unsupported);
                break;
        }
    }

    private void Read(ulong sector, IoSlice target)
    {
        if (TryPlace(sector, target.Length, out var offset))
            Settle(_queue.ReadAsync(offset, target));
        else
            Answer(BlkStatus.IoError);
    }

    private void Write(ulong sector, IoSlice source)
    {
        if (_device.Writable && TryPlace(sector, source.Length, out var offset))
            Settle(_queue.WriteAsync(offset, source, _device.WritesThrough ? WriteFlags.Fua : WriteFlags.None));
        else
            Answer(BlkStatus.IoError);
    }

    /// <summary>
    /// A range: sector u64, sectors u32, flags u32, of which bit 0 lets zeroes be unmapped (virtio 1.2, 5.2.6).
    /// </summary>
    private void CarryRange(bool zeroes, IoSlice input)
    {
        const int RangeLength = 16;
        const uint MayUnmap = 1;
        Span<byte> range = stackalloc byte[RangeLength];
        if (!_device.Writable || input.Length != RangeLength)
        {
            Answer(BlkStatus.IoError);
            return;
        }

        input.CopyTo(range);
        var sector = BinaryPrimitives.ReadUInt64LittleEndian(range);
        var sectors = BinaryPrimitives.ReadUInt32LittleEndian(range[8..]);
        var flags = BinaryPrimitives.ReadUInt32LittleEndian(range[12..]);
        if (sectors > BlkConfig.MaxRangeSectors || !TryPlace(sector, sectors * (long)BlkConfig.SectorSize, out var offset))
            Answer(BlkStatus.IoError);
        else if ((flags & ~(zeroes ? MayUnmap : 0)) != 0)
            Answer(BlkStatus.Unsupported);
        else if (zeroes)
            Settle(_queue.WriteZeroesAsync(offset, sectors * (long)BlkConfig.SectorSize, ZeroFlagsOf(flags == MayUnmap)));
        else
            Settle(_queue.DiscardAsync(offset, sectors * (long)BlkConfig.SectorSize));
    }

    private ZeroFlags ZeroFlagsOf(bool mayUnmap) =>
        (mayUnmap ? ZeroFlags.MayUnmap : ZeroFlags.None) | (_device.WritesThrough ? ZeroFlags.Fua : ZeroFlags.None);

    /// <summary>Whether the range is whole blocks of the disk.</summary>
    private bool TryPlace(ulong sector, long bytes, out long offset)
    {
        offset = 0;
        var length = _device.Length;
        if (sector > (ulong)length / BlkConfig.SectorSize || bytes > MaxData)
            return false;
        offset = (long)sector * BlkConfig.SectorSize;
        return bytes <= length - offset && ((offset | bytes) & (_device.BlockSize - 1)) == 0;
    }

    private void Settle(ValueTask<IoStatus> pending)
    {
        if (pending.IsCompletedSuccessfully)
        {
            Finish(pending.Result);
            return;
        }

        _awaiter = pending.ConfigureAwait(false).GetAwaiter();
        _awaiter.UnsafeOnCompleted(_continuation);
    }

    /// <summary>From whichever thread the driver has completed it.</summary>
    private void Completed()
    {
        try
        {
            _status = _awaiter.GetResult();
        }
        catch (Exception)
        {
            // A queue answers and never throws; should one do so, its guest still gets an answer.
            _status = new IoStatus(Errno.EIO);
        }

        _awaiter = default;
        BackToLoop();
    }

    private void Finish(IoStatus status) => Answer(status.IsOk ? BlkStatus.Ok : BlkStatus.IoError);

    private void Answer(BlkStatus status)
    {
        var output = Chain.Writable.All;
        output.Slice(output.Length - 1).CopyFrom([(byte)status]);
        Done((uint)Math.Min(output.Length, uint.MaxValue));
    }
}
