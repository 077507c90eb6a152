// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Text;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Images;

namespace BlockHost.Tools.Io.Commands;

/// <param name="Verb">As the error message calls it: "read", "readv".</param>
/// <param name="Pattern">Every byte must be this.</param>
/// <param name="CheckStart">First byte to check, from the start of the request.</param>
internal sealed record ReadRequest(string Verb, long Offset, long Length)
{
    public byte? Pattern { get; init; }

    public long CheckStart { get; init; }

    public long CheckLength { get; init; } = Length;

    public bool VmState { get; init; }

    public bool Dump { get; init; }

    public bool Machine { get; init; }

    public bool Quiet { get; init; }

    public static ReadRequest From(string verb, long offset, long length, IoArguments arguments) => new(verb, offset, length)
    {
        Pattern = arguments.Pattern(),
        Dump = arguments.Has('v'),
        Machine = arguments.Has('C'),
        Quiet = arguments.Has('q'),
    };
}

/// <summary>What the three reads share: the request, verification, the dump and the statistics.</summary>
internal static class Reading
{
    /// <returns>All that is to be printed, and whether the read was good.</returns>
    public static async ValueTask<(string Output, bool Good)> RunAsync(
        OpenImage image, ReadRequest request, IoSlice target, CancellationToken cancellationToken)
    {
        var clock = Stopwatch.StartNew();
        var status = request.VmState
            ? await VmState.ReadAsync(image, request.Offset, target, cancellationToken)
            : await image.Queue.ReadAsync(request.Offset, target, cancellationToken: cancellationToken);
        clock.Stop();
        if (!status.IsOk)
            return ($"{request.Verb} failed: {ImageErrors.Text(status.Errno)}\n", false);

        var output = new StringBuilder();
        var mismatch = request.Pattern is { } pattern && !IsAll(target.Slice(request.CheckStart, request.CheckLength), pattern);
        if (mismatch)
            output.Append(
                $"Pattern verification failed at offset {request.Offset + request.CheckStart}, {request.CheckLength} bytes\n");
        if (request is { Quiet: false, Dump: true })
            HexDump.Append(output, target, request.Offset);
        if (!request.Quiet)
            output.Append(
                IoStatistics.Format("read", clock.Elapsed, request.Offset, request.Length, request.Length, request.Machine));
        return (output.ToString(), !mismatch);
    }

    private static bool IsAll(IoSlice slice, byte pattern)
    {
        foreach (var segment in slice)
        {
            if (segment.Span.ContainsAnyExcept(pattern))
                return false;
        }

        return true;
    }
}

/// <summary>-b: the area for a virtual machine's state, behind the disk, of formats that have one.</summary>
internal static class VmState
{
    public static ValueTask<IoStatus> ReadAsync(
        OpenImage image, long offset, IoSlice target, CancellationToken cancellationToken) =>
        RunAsync(image, store => store.ReadVmStateAsync(offset, target, cancellationToken));

    public static ValueTask<IoStatus> WriteAsync(
        OpenImage image, long offset, IoSlice source, CancellationToken cancellationToken) =>
        RunAsync(image, store => store.WriteVmStateAsync(offset, source, cancellationToken));

    private static async ValueTask<IoStatus> RunAsync(OpenImage image, Func<ISnapshotStore, ValueTask> request)
    {
        if (!image.Unfiltered.TryGetFacet<ISnapshotStore>(out var store))
            return new IoStatus(Errno.ENOTSUP);
        try
        {
            await request(store);
            return IoStatus.Ok;
        }
        catch (BlockException e)
        {
            return new IoStatus(e.Errno);
        }
    }
}
