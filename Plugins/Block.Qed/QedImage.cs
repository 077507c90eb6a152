// SPDX-License-Identifier: MIT
using System.Text;
using BlockHost.Block;
using BlockHost.Formats;
using BlockHost.Plugins.Block.Qed.Format;

namespace BlockHost.Plugins.Block.Qed;

/// <summary>
/// The disk of an image:
/// <code>
///   header ─► top table ─► tables ─► clusters        entry: an offset in the file, or 0 nothing, or (of a cluster) 1 zeroes
/// </code>
/// New clusters and tables go to the end of the file. Before the first one, the header says that the image needs a check; who
/// closes the image takes that back.
/// </summary>
internal sealed class QedImage : MappedDisk<ulong>
{
    private const ulong Zeroes = 1;

    private readonly SemaphoreSlim _marking = new(1);
    private readonly FileEnd _end;
    private bool _isMarked;

    public QedImage(IBlockChild file, QedHeader header, IIoBufferPool buffers)
        : this(file, header, buffers, new FileEnd(WholeClusters(file.Length, header), header.ClusterSize))
    {
    }

    private QedImage(IBlockChild file, QedHeader header, IIoBufferPool buffers, FileEnd end)
        : base(file, header.ClusterSize, new ClusterTables(file, header, end), buffers) => (Header, _end) = (header, end);

    public QedHeader Header { get; private set; }

    public ClusterTables Tables => (ClusterTables)Table;

    public override long Length => (long)Header.DiskSize;

    /// <summary>As the header has it.</summary>
    public string? BackingName { get; set; }

    protected override bool AbsentIsAllocated => false;

    protected override bool FiresEvents => true;

    protected override bool RecordsZeroes => true;

    protected override ulong? ZeroEntry => Zeroes;

    public static bool IsStored(ulong entry) => entry > Zeroes;

    public override BlockRun Decode(ulong entry) => entry switch
    {
        0 => new(BlockState.Absent),
        Zeroes => new(BlockState.Zero),
        _ when Tables.IsPlace(entry, 1) => new(BlockState.Stored, (long)entry),
        _ => throw new BlockException(BlockErrorKind.InvalidArgument, "A QED table points at no place of the file"),
    };

    public async ValueTask WriteHeaderAsync(QedHeader next, CancellationToken cancellationToken)
    {
        await File.WriteAsync(0, next.ToBytes(), WriteFlags.None, cancellationToken).ConfigureAwait(false);
        await File.FlushAsync(cancellationToken).ConfigureAwait(false);
        Header = next;
    }

    /// <summary>Tables are about to change.</summary>
    public async ValueTask MarkAsync(CancellationToken cancellationToken)
    {
        if (Volatile.Read(ref _isMarked))
            return;
        await _marking.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            // A mark that somebody else left is for a check to take away.
            if (_isMarked || Header.NeedsCheck)
                return;
            await WriteHeaderAsync(
                Header with { Features = Header.Features | QedFeatures.NeedsCheck }, cancellationToken).ConfigureAwait(false);
            Volatile.Write(ref _isMarked, true);
        }
        finally
        {
            _marking.Release();
        }
    }

    /// <summary>The tables were looked at, and all is well.</summary>
    public async ValueTask ClearMarkAsync(CancellationToken cancellationToken)
    {
        if (Header.NeedsCheck)
            await WriteHeaderAsync(
                Header with { Features = Header.Features & ~QedFeatures.NeedsCheck }, cancellationToken).ConfigureAwait(false);
        _isMarked = false;
    }

    /// <summary>Gives a cluster a place of its own, with what it reads as.</summary>
    public async ValueTask MoveAsync(long block, long from, CancellationToken cancellationToken)
    {
        var to = await TakeAsync(cancellationToken).ConfigureAwait(false);
        using var buffer = Buffers.Rent((int)Math.Min(BlockSize, 1 << 20));
        for (long done = 0; done < BlockSize; done += buffer.Memory.Length)
        {
            await File.ReadAsync(from + done, buffer.Memory, ReadFlags.None, cancellationToken).ConfigureAwait(false);
            await File.WriteAsync(to + done, buffer.Memory, WriteFlags.None, cancellationToken).ConfigureAwait(false);
        }

        await Table.SetAsync(block, (ulong)to, cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask SetBackingNameAsync(string? name, bool isRaw, CancellationToken cancellationToken)
    {
        var bytes = Encoding.UTF8.GetBytes(name ?? "");
        if (bytes.Length > Header.Reserved - QedHeader.Size || bytes.Length > 1023)
            throw new BlockException(
                BlockErrorKind.InvalidArgument, "The name of the backing file is too long for the QED header", Errno.ENOSPC);
        var flags = name is null ? QedFeatures.None : QedFeatures.Backing | (isRaw ? QedFeatures.BackingIsRaw : 0);
        var next = Header with
        {
            Features = (Header.Features & QedFeatures.NeedsCheck) | flags,
            NameOffset = name is null ? 0u : QedHeader.Size,
            NameLength = (uint)bytes.Length,
        };
        await File.WriteAsync(0, (byte[])[.. next.ToBytes(), .. bytes], WriteFlags.None, cancellationToken).ConfigureAwait(false);
        await File.FlushAsync(cancellationToken).ConfigureAwait(false);
        (Header, BackingName) = (next, name);
    }

    public override async ValueTask CloseAsync()
    {
        await base.CloseAsync().ConfigureAwait(false);
        if (_isMarked)
            await ClearMarkAsync(CancellationToken.None).ConfigureAwait(false);
    }

    private static long WholeClusters(long bytes, QedHeader header) =>
        (bytes + header.ClusterSize - 1) / header.ClusterSize * header.ClusterSize;

    protected override ulong Encode(long place) => (ulong)place;

    protected override async ValueTask<long> TakeAsync(CancellationToken cancellationToken)
    {
        await MarkAsync(cancellationToken).ConfigureAwait(false);
        return _end.Take(BlockSize);
    }

    protected override void GiveBack(long place) => _end.GiveBack(place, BlockSize);

    /// <summary>Entries of zeroes take no room for a cluster, but perhaps for a table.</summary>
    protected override async ValueTask WriteBeforeTableAsync(
        IReadOnlyList<TableChange> changes, CancellationToken cancellationToken)
    {
        if (changes.Count > 0)
            await MarkAsync(cancellationToken).ConfigureAwait(false);
    }
}
