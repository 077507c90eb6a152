// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Block;
using BlockHost.Formats;
using BlockHost.Plugins.Block.Vdi.Format;
using BlockHost.Plugins.Block.Vdi.Maintenance;

namespace BlockHost.Plugins.Block.Vdi;

/// <summary>
/// The disk of an image:
/// <code>
///   header │ map: u32 for each block │ place 0 │ place 1 │ …        entry: a place, or 0xffffffff nothing, or 0xfffffffe zeroes
/// </code>
/// New blocks take the lowest free place. The header counts the places in use; QEMU and VirtualBox put the next block behind
/// them. So the count grows before the map does, and is never too small for what the map says.
/// </summary>
internal sealed class VdiImage(IBlockChild file, VdiHeader header, IIoBufferPool buffers)
    : MappedDisk<uint>(file, header.BlockSize, TableOf(file, header), buffers)
{
    public const uint Nothing = uint.MaxValue;
    public const uint Zeroes = uint.MaxValue - 1;

    private readonly Lock _lock = new();
    private readonly SemaphoreSlim _loading = new(1);
    private SpaceMap? _places;
    private long _neededCount;
    private bool _headerIsWritten = true;
    private bool _mayHaveGaps;

    /// <summary>As it is in the file, or will be after the next flush.</summary>
    public VdiHeader Header { get; private set; } = header;

    public override long Length => Header.Length;

    protected override bool IsPreallocated => Header.Type == VdiType.Static;

    protected override uint? ZeroEntry => Zeroes;

    public static bool IsStored(uint entry) => entry < Zeroes;

    public long PlaceOffset(long place) => Header.DataOffset + place * BlockSize;

    public override BlockRun Decode(uint entry) => entry switch
    {
        Nothing => new(BlockState.Absent),
        Zeroes => new(BlockState.Zero),
        _ => new(BlockState.Stored, PlaceOffset(entry)),
    };

    /// <summary>
    /// Writes another header and goes over to it, with the map that it names. Everything else has been written.
    /// </summary>
    /// <exception cref="BlockException">The image has its old header.</exception>
    public async ValueTask ReplaceHeaderAsync(VdiHeader next, CancellationToken cancellationToken)
    {
        var old = Header;
        try
        {
            await WriteHeaderAsync(next, cancellationToken).ConfigureAwait(false);
            await File.FlushAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (BlockException)
        {
            // The new one may be in the file all the same.
            (Header, _headerIsWritten) = (old, false);
            await WriteHeaderAsync(old, CancellationToken.None).ConfigureAwait(false);
            throw;
        }

        if (next.MapOffset != old.MapOffset || next.Blocks != old.Blocks)
            Table = TableOf(File, next);
        _places = null;
        _neededCount = 0;
    }

    /// <summary>Of a block behind the end of the disk: what a longer parent has there does not show.</summary>
    public uint EmptyEntry(long block) =>
        Header.IsDifferencing && block * BlockSize < (Backing?.Length ?? 0) ? Zeroes : Nothing;

    /// <summary>Work that was to leave no gaps between blocks has failed: it is done again when the image closes.</summary>
    public void LeaveGaps() => _mayHaveGaps = true;

    public override async ValueTask CloseAsync()
    {
        await base.CloseAsync().ConfigureAwait(false);
        if (_mayHaveGaps)
            await new BlockMover(this).CompactAsync(CancellationToken.None).ConfigureAwait(false);
    }

    /// <summary>Calls for each entry of the map, in order.</summary>
    public async ValueTask ScanAsync(Action<long, uint> visit, CancellationToken cancellationToken)
    {
        for (long block = 0; block < Header.Blocks; block++)
            visit(block, await Table.GetAsync(block, cancellationToken).ConfigureAwait(false));
    }

    /// <summary>Which places the map uses.</summary>
    public async ValueTask<SpaceMap> FindPlacesAsync(CancellationToken cancellationToken)
    {
        var places = new SpaceMap(Header.Blocks);
        await ScanAsync(Visit, cancellationToken).ConfigureAwait(false);
        return places;

        void Visit(long block, uint entry)
        {
            if (entry < Header.Blocks)
                places.Use(entry);
        }
    }

    protected override uint Encode(long place) => checked((uint)((place - Header.DataOffset) / BlockSize));

    protected override async ValueTask<long> TakeAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            lock (_lock)
            {
                if (_places?.Take() is { } place)
                    return place >= 0
                        ? PlaceOffset(place)
                        : throw new BlockException(BlockErrorKind.Corrupt, "The VDI image has no place for another block");
            }

            await LoadPlacesAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    protected override void GiveBack(long place)
    {
        LeaveGaps();
        lock (_lock)
            _places?.Free((place - Header.DataOffset) / BlockSize);
    }

    protected override async ValueTask WriteBeforeTableAsync(
        IReadOnlyList<TableChange> changes, CancellationToken cancellationToken)
    {
        foreach (var change in changes)
        {
            for (var at = 0; at < change.Bytes.Length; at += sizeof(uint))
            {
                var entry = BinaryPrimitives.ReadUInt32LittleEndian(change.Bytes.AsSpan(at));
                if (entry < Header.Blocks)
                    _neededCount = Math.Max(_neededCount, entry + 1L);
            }
        }

        if (_neededCount <= Header.Allocated && _headerIsWritten)
            return;
        var next = Header.Clone();
        next.Allocated = (uint)Math.Max(_neededCount, next.Allocated);
        await WriteHeaderAsync(next, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask WriteHeaderAsync(VdiHeader next, CancellationToken cancellationToken)
    {
        _headerIsWritten = false;
        await File.WriteAsync(0, next.ToBytes(), WriteFlags.None, cancellationToken).ConfigureAwait(false);
        Header = next;
        _headerIsWritten = true;
    }

    private async ValueTask LoadPlacesAsync(CancellationToken cancellationToken)
    {
        await _loading.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_places is not null)
                return;
            var places = await FindPlacesAsync(cancellationToken).ConfigureAwait(false);
            lock (_lock)
                (_places, _neededCount) = (places, places.End);
        }
        finally
        {
            _loading.Release();
        }
    }

    private static EntryTable<uint> TableOf(IBlockChild file, VdiHeader header) =>
        new(file, header.MapOffset, header.Blocks, bigEndian: false);
}
