// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using BlockHost.Block;
using BlockHost.CommandLine;
using BlockHost.Formats.WriteLogs;
using BlockHost.Images;

namespace BlockHost.Tools.Replay;

/// <summary>A log in a file, read from its beginning as often as one likes.</summary>
internal sealed class LogFile
{
    private readonly OpenImage _file;

    private LogFile(OpenImage file, WriteLogHeader header)
    {
        _file = file;
        Entries = header.Entries;
    }

    public long Entries { get; }

    public static async ValueTask<LogFile> OpenAsync(OpenImage file, CancellationToken cancellationToken)
    {
        var log = new LogFile(file, default);
        return new LogFile(file, (await log.StartAsync(cancellationToken)).Header);
    }

    /// <param name="until">So many entries; null: all.</param>
    /// <param name="mark">The last one is the mark of this name.</param>
    /// <exception cref="ToolException">There are not so many, or no such mark.</exception>
    public async IAsyncEnumerable<WriteLogRecord> RecordsAsync(
        long? until, string? mark, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (until > Entries)
            throw new ToolException($"The log has {Entries} entries, fewer than {until}");
        var reader = await StartAsync(cancellationToken);
        while (await reader.NextAsync(cancellationToken) is { } record && record.Index != until)
        {
            yield return record;
            if (mark is not null && record.Mark == mark)
                yield break;
        }

        if (mark is not null)
            throw new ToolException($"The log has no mark '{mark}'");
    }

    public async ValueTask ReadAsync(long offset, Memory<byte> target, CancellationToken cancellationToken)
    {
        var status = await _file.Queue.ReadAsync(offset, target, ReadFlags.None, cancellationToken);
        if (!status.IsOk)
            throw new ToolException($"error while reading the log: {ImageErrors.Text(status.Errno)}");
    }

    private ValueTask<WriteLogReader> StartAsync(CancellationToken cancellationToken) =>
        WriteLogReader.OpenAsync(ReadAsync, _file.Length, cancellationToken);
}
