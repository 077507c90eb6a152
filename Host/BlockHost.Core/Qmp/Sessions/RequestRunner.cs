// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Core.Memory;
using BlockHost.Core.Qmp.Output;
using BlockHost.Jobs;
using BlockHost.Plugins;
using BlockHost.Qmp;

namespace BlockHost.Core.Qmp.Sessions;

/// <summary>Runs requests one at a time and builds their answers. A session has one for each path that may be busy.</summary>
internal sealed class RequestRunner(MonitorServices services, MonitorOutput output, bool pretty) : IDisposable
{
    private readonly MessageWriter _answer = new(pretty);

    public async ValueTask RunAsync(MonitorCall call, QmpRequest request, CancellationToken cancellationToken)
    {
        using (request)
        {
            call.Received = request.Received;
            services.Descriptors?.RunFor(call.MonitorId);
            var error = request.Error ?? await TryDispatchAsync(call, request, cancellationToken).ConfigureAwait(false);
            if (error is not null && request.Length < IdleCollection.Large)
                WriteError(request.Id, error);
            else if (error is not null)
                await PassingThread.RunAsync(() => WriteError(request.Id, error)).ConfigureAwait(false);
            var answer = _answer.Finish();
            services.Garbage.Note(Math.Max(request.Length, answer.Length));
            await output.SendAsync(answer.Span).ConfigureAwait(false);
            _answer.Restart();
            call.Session.TakeBack(call.Received);
        }
    }

    public void Dispose() => _answer.Dispose();

    private async ValueTask<QmpException?> TryDispatchAsync(
        MonitorCall call, QmpRequest request, CancellationToken cancellationToken)
    {
        try
        {
            call.Session.RefuseBeforeNegotiation(request.Command);
            _answer.Restart();
            _answer.Json.WriteStartObject();
            _answer.Json.WritePropertyName("return"u8);
            await services.Dispatcher.DispatchAsync(
                call, request.Command, request.Arguments, _answer.Json, cancellationToken).ConfigureAwait(false);
            if (request.Id.ValueKind != JsonValueKind.Undefined)
                WriteId(request.Id);
            _answer.Json.WriteEndObject();
            return null;
        }
        catch (Exception e)
        {
            return AsQmp(e);
        }
    }

    /// <returns>How long the answer is.</returns>
    private int WriteError(JsonElement id, QmpException error)
    {
        _answer.Restart();
        var json = _answer.Json;
        json.WriteStartObject();
        if (id.ValueKind != JsonValueKind.Undefined)
            WriteId(id);
        json.WriteStartObject("error"u8);
        json.WriteString("class"u8, error.Class.ToString());
        json.WriteString("desc"u8, error.Message);
        json.WriteEndObject();
        json.WriteEndObject();
        json.Flush();
        return (int)json.BytesCommitted;
    }

    private void WriteId(JsonElement id)
    {
        _answer.Json.WritePropertyName("id"u8);
        id.WriteTo(_answer.Json);
    }

    /// <summary>Whatever a command throws is an answer: a faulty command must not end the monitor.</summary>
    private static QmpException AsQmp(Exception e) => e switch
    {
        QmpException known => known,
        BlockException or PluginException or JobException or IOException or UnauthorizedAccessException =>
            new QmpException(QmpErrorClass.GenericError, e.Message, e),
        OperationCanceledException =>
            new QmpException(QmpErrorClass.GenericError, "The command was interrupted: the daemon is ending", e),
        _ =>
            new QmpException(
                QmpErrorClass.GenericError, $"The host failed to run the command: {e.GetType().Name}: {e.Message}", e),
    };
}
