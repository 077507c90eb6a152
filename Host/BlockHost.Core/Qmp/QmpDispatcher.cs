// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Core.Logging;
using BlockHost.Core.Plugins;
using BlockHost.Core.Qapi;
using BlockHost.Plugins;
using BlockHost.Qmp;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace BlockHost.Core.Qmp;

/// <summary>Looks a command up, which may load its plugin, validates its arguments and runs it.</summary>
public sealed class QmpDispatcher(
    IPluginCatalog catalog,
    QapiInput input,
    PluginFaults? faults = null,
    ILoggerFactory? loggers = null,
    TimeProvider? clock = null,
    CommandFigures? figures = null) : IQmpDispatcher
{
    private readonly TimeProvider _clock = clock ?? TimeProvider.System;
    private readonly PluginFaults _faults = faults ?? new PluginFaults(() => [], NullLoggerFactory.Instance);
    private readonly ILogger _log = (loggers ?? NullLoggerFactory.Instance).CreateLogger(LogCategories.Command);

    private static readonly JsonElement NoArguments = EmptyObject();

    public async ValueTask DispatchAsync(
        IQmpCall call, string command, JsonElement arguments, Utf8JsonWriter result, CancellationToken cancellationToken)
    {
        var (known, held) = await LeaseAsync(command, cancellationToken).ConfigureAwait(false)
            ?? throw new QmpException(QmpErrorClass.CommandNotFound, $"The command {command} has not been found");
        using var use = held;
        if (call.OutOfBand && !known.Flags.HasFlag(QmpCommandFlags.AllowOutOfBand))
            throw new QmpException($"The command {command} does not support OOB");
        _log.CommandBegins(call.MonitorId, command);
        var start = _clock.GetTimestamp();
        var failed = true;
        try
        {
            var given = arguments.ValueKind == JsonValueKind.Undefined ? NoArguments : known.Modernise(arguments);
            var valid = await input.ValidateAsync(known.ArgumentsType, given, cancellationToken).ConfigureAwait(false);
            await known.InvokeAsync(call, valid, result, cancellationToken).ConfigureAwait(false);
            failed = false;
        }
        catch (Exception e) when (!PluginFaults.IsExpected(e))
        {
            throw new QmpException(_faults.Report(e, use.PluginId, $"in command '{command}'"));
        }
        finally
        {
            // A command that fails after a long wait is the one that an operator looks for.
            var time = _clock.GetElapsedTime(start);
            figures?.Add(command, failed, time);
            if (time > HostLog.SlowAfter)
                _log.CommandWasSlow(command, time.TotalSeconds);
        }
    }

    private async ValueTask<ProvidedLease<QmpCommand>?> LeaseAsync(string command, CancellationToken cancellationToken)
    {
        try
        {
            return await catalog.Of(ProvidedKind.Command).LeaseAsync(
                command, $"command '{command}'", brief: true, cancellationToken).ConfigureAwait(false);
        }
        catch (PluginException e)
        {
            throw new QmpException(QmpErrorClass.GenericError, e.Message, e);
        }
    }

    private static JsonElement EmptyObject()
    {
        using var document = JsonDocument.Parse("{}");
        return document.RootElement.Clone();
    }
}
