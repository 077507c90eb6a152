// SPDX-License-Identifier: MIT
using System.Diagnostics;
using BlockHost.Block;
using BlockHost.Images;

namespace BlockHost.Tools.Io.Commands;

internal enum WriteKind
{
    Data,
    Zeroes,
    Compressed,
    VmState,
}

/// <param name="Verb">As the error message calls it: "write", "writev", "aio_write".</param>
internal sealed record WriteRequest(string Verb, WriteKind Kind, long Offset, long Length)
{
    public bool Fua { get; init; }

    public ZeroFlags ZeroFlags { get; init; }

    public bool Machine { get; init; }

    public bool Quiet { get; init; }

    public static WriteRequest From(string verb, WriteKind kind, long offset, long length, IoArguments arguments) =>
        new(verb, kind, offset, length)
        {
            Fua = arguments.Has('f'),
            ZeroFlags = (arguments.Has('u') ? ZeroFlags.MayUnmap : 0) | (arguments.Has('n') ? ZeroFlags.NoFallback : 0)
            | (arguments.Has('f') ? ZeroFlags.Fua : 0),
            Machine = arguments.Has('C'),
            Quiet = arguments.Has('q'),
        };
}

/// <summary>What the three writes share: the request and the statistics.</summary>
internal static class Writing
{
    public const byte DefaultPattern = 0xcd;

    /// <returns>All that is to be printed, and whether the write was good.</returns>
    public static async ValueTask<(string Output, bool Good)> RunAsync(
        OpenImage image, WriteRequest request, IoSlice source, CancellationToken cancellationToken)
    {
        var clock = Stopwatch.StartNew();
        var status = await WriteAsync(image, request, source, cancellationToken);
        clock.Stop();
        if (!status.IsOk)
            return ($"{request.Verb} failed: {ImageErrors.Text(status.Errno)}\n", false);
        var output = request.Quiet
            ? ""
            : IoStatistics.Format("wrote", clock.Elapsed, request.Offset, request.Length, request.Length, request.Machine);
        return (output, true);
    }

    private static ValueTask<IoStatus> WriteAsync(
        OpenImage image, WriteRequest request, IoSlice source, CancellationToken cancellationToken) => request.Kind switch
        {
            WriteKind.Zeroes => image.Queue.WriteZeroesAsync(
                request.Offset, request.Length, request.ZeroFlags, cancellationToken),
            WriteKind.VmState => VmState.WriteAsync(image, request.Offset, source, cancellationToken),
            WriteKind.Compressed when !image.Unfiltered.Driver.SupportsCompressedWrites => new(new IoStatus(Errno.ENOTSUP)),
            WriteKind.Compressed => image.Queue.WriteAsync(request.Offset, source, WriteFlags.Compressed, cancellationToken),
            _ => image.Queue.WriteAsync(
                request.Offset, source, request.Fua ? WriteFlags.Fua : WriteFlags.None, cancellationToken),
        };
}
