// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Text.Json;
using BlockHost.CommandLine;
using BlockHost.Core;
using BlockHost.Core.Qmp;
using BlockHost.Logging;
using BlockHost.Qmp;

namespace BlockHost.Composition;

/// <summary>
/// A file with two lines of JSON for every command: before its work (when, from where, what) and after it (how it ended and
/// how long it took); <c>entry</c> is the same in both. Arguments are left out: they can hold secrets. A log that cannot be
/// written holds no command up and changes no answer: the user is warned once, until there is room again.
/// </summary>
internal sealed class AuditLog : IDisposable
{
    private readonly LineFile _file;
    private readonly TimeProvider _clock;
    private long _entries;

    /// <exception cref="ToolException">The file cannot be opened.</exception>
    public AuditLog(string path, TimeProvider clock, HostWarnings warnings)
    {
        _clock = clock;
        _file = new LineFile(path, $"audit log '{path}'", warnings.Give);
    }

    public long Now() => _clock.GetTimestamp();

    /// <summary>Writes that a command begins.</summary>
    /// <returns>The entry's number, for <see cref="Ended"/>.</returns>
    public long Begins(IQmpCall call, string command)
    {
        var entry = Interlocked.Increment(ref _entries);
        Write(entry, json =>
        {
            json.WriteString("monitor", call.MonitorId);
            json.WriteString("command", command);
            json.WriteBoolean("oob", call.OutOfBand);
        });
        return entry;
    }

    /// <param name="error">Null: it succeeded.</param>
    public void Ended(long entry, string command, string? error, long started) => Write(entry, json =>
    {
        json.WriteString("command", command);
        json.WriteNumber("ms", Math.Round(_clock.GetElapsedTime(started).TotalMilliseconds, 3));
        json.WriteBoolean("ok", error is null);
        if (error is not null)
            json.WriteString("error", error);
    });

    public void Dispose() => _file.Dispose();

    private void Write(long entry, Action<Utf8JsonWriter> members)
    {
        using var line = new MemoryStream();
        using (var json = new Utf8JsonWriter(line))
        {
            json.WriteStartObject();
            json.WriteString("time", _clock.GetUtcNow().ToString("O", CultureInfo.InvariantCulture));
            json.WriteNumber("entry", entry);
            members(json);
            json.WriteEndObject();
        }

        line.WriteByte((byte)'\n');
        _file.Write(line.GetBuffer().AsSpan(0, (int)line.Length));
    }
}

/// <summary>Logs every command around the real dispatcher.</summary>
internal sealed class AuditingDispatcher(IQmpDispatcher inner, AuditLog log) : IQmpDispatcher
{
    public async ValueTask DispatchAsync(
        IQmpCall call, string command, JsonElement arguments, Utf8JsonWriter result, CancellationToken cancellationToken)
    {
        var started = log.Now();
        var entry = log.Begins(call, command);
        string? error = null;
        try
        {
            await inner.DispatchAsync(call, command, arguments, result, cancellationToken);
        }
        catch (Exception e)
        {
            error = e.Message;
            throw;
        }
        finally
        {
            log.Ended(entry, command, error, started);
        }
    }
}
