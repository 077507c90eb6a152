// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Core.Plugins;
using BlockHost.Core.Qapi;
using BlockHost.Plugins;
using BlockHost.Qmp;

namespace BlockHost.Core.Qmp;

/// <summary>Looks a command up, which may load its plugin, validates its arguments and runs it.</summary>
public sealed class QmpDispatcher(IPluginCatalog catalog, QapiInput input) : IQmpDispatcher
{
    private static readonly JsonElement NoArguments = EmptyObject();

    public async ValueTask DispatchAsync(
        IQmpCall call, string command, JsonElement arguments, Utf8JsonWriter result, CancellationToken cancellationToken)
    {
        var found = await FindAsync(command, cancellationToken).ConfigureAwait(false)
            ?? throw new QmpException(QmpErrorClass.CommandNotFound, $"The command {command} has not been found");
        using var use = Use(found, command, out var known);
        if (call.OutOfBand && !known.Flags.HasFlag(QmpCommandFlags.AllowOutOfBand))
            throw new QmpException($"The command {command} does not support OOB");
        var given = arguments.ValueKind == JsonValueKind.Undefined ? NoArguments : known.Modernise(arguments);
        var valid = await input.ValidateAsync(known.ArgumentsType, given, cancellationToken).ConfigureAwait(false);
        await known.InvokeAsync(call, valid, result, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask<Provided<QmpCommand>?> FindAsync(string command, CancellationToken cancellationToken)
    {
        try
        {
            return await catalog.Commands.FindAsync(command, cancellationToken).ConfigureAwait(false);
        }
        catch (PluginException e)
        {
            throw new QmpException(QmpErrorClass.GenericError, e.Message, e);
        }
    }

    /// <summary>The plugin can be on its way out by now, or gone.</summary>
    private static PluginUse Use(Provided<QmpCommand> found, string name, out QmpCommand command)
    {
        PluginUse? use = null;
        try
        {
            use = found.Use($"command '{name}'");
            command = found.Value;
            return use;
        }
        catch (PluginException e)
        {
            use?.Dispose();
            throw new QmpException(QmpErrorClass.GenericError, e.Message, e);
        }
    }

    private static JsonElement EmptyObject()
    {
        using var document = JsonDocument.Parse("{}");
        return document.RootElement.Clone();
    }
}
