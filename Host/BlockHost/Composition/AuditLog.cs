// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Text;
using System.Text.Json;
using BlockHost.Core.Qmp;
using BlockHost.Qmp;

namespace BlockHost.Composition;

/// <summary>
/// A file with a line of JSON for every command: when, from where, what, how it ended and how long it took. Arguments
/// are left out: they can hold secrets.
/// </summary>
internal sealed class AuditLog : IDisposable
{
    private readonly StreamWriter _file;
    private readonly TimeProvider _clock;
    private readonly Lock _gate = new();

    public AuditLog(string path, TimeProvider clock)
    {
        _clock = clock;
        _file = new StreamWriter(new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.Read)) { AutoFlush = true };
    }

    public long Now() => _clock.GetTimestamp();

    /// <param name="error">Null: it succeeded.</param>
    public void Write(IQmpCall call, string command, string? error, long started)
    {
        using var line = new MemoryStream();
        using (var json = new Utf8JsonWriter(line))
        {
            json.WriteStartObject();
            json.WriteString("time", _clock.GetUtcNow().ToString("O", CultureInfo.InvariantCulture));
            json.WriteString("monitor", call.MonitorId);
            json.WriteString("command", command);
            json.WriteBoolean("oob", call.OutOfBand);
            json.WriteNumber("ms", Math.Round(_clock.GetElapsedTime(started).TotalMilliseconds, 3));
            if (error is not null)
                json.WriteString("error", error);
            json.WriteEndObject();
        }

        lock (_gate)
            _file.WriteLine(Encoding.UTF8.GetString(line.GetBuffer().AsSpan(0, (int)line.Length)));
    }

    public void Dispose() => _file.Dispose();
}

/// <summary>Logs every command around the real dispatcher.</summary>
internal sealed class AuditingDispatcher(IQmpDispatcher inner, AuditLog log) : IQmpDispatcher
{
    public async ValueTask DispatchAsync(IQmpCall call, string command, JsonElement arguments, Utf8JsonWriter result, CancellationToken cancellationToken)
    {
        var started = log.Now();
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
            log.Write(call, command, error, started);
        }
    }
}
