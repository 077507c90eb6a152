// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Plugins;

namespace BlockHost.Qmp;

[Flags]
public enum QmpCommandFlags
{
    None = 0,

    /// <summary>May be sent with exec-oob: never blocks, takes no lock that I/O can hold.</summary>
    AllowOutOfBand = 1,

    AllowPreconfig = 2,

    /// <summary>Not shown in the introspection schema (compatibility commands).</summary>
    Hidden = 4,
}

/// <summary>One invocation, as a handler sees it.</summary>
public interface IQmpCall
{
    IPluginHost Host { get; }

    /// <summary>The monitor the command came from, for error messages and audit.</summary>
    string MonitorId { get; }

    bool OutOfBand { get; }
}

/// <summary>
/// A command of the management protocol. Its argument and return types are records with source-generated metadata,
/// from which the host validates arguments and derives the introspection schema. The metadata is asked for when the command
/// is first used: a host that starts has hundreds of types and needs few of them.
/// </summary>
public abstract class QmpCommand(string name, QmpCommandFlags flags) : IProvided
{
    ProvidedKind IProvided.Kind => ProvidedKind.Command;

    public string Name { get; } = name;

    public QmpCommandFlags Flags { get; } = flags;

    /// <summary>Null: the command takes no arguments.</summary>
    public abstract JsonTypeInfo? ArgumentsType { get; }

    /// <summary>Null: the command answers an empty object.</summary>
    public abstract JsonTypeInfo? ReturnType { get; }

    /// <summary>QAPI features of the command, such as "deprecated" and "unstable".</summary>
    public IReadOnlyList<string> Features { get; init; } = [];

    /// <summary>Rewrites older forms of the arguments to today's, before they are validated.</summary>
    public virtual JsonElement Modernise(JsonElement arguments) => arguments;

    /// <summary>Runs the command and writes its return value, exactly one JSON value.</summary>
    /// <param name="arguments">Validated against <see cref="ArgumentsType"/>; an object.</param>
    /// <exception cref="QmpException">The command failed; nothing has been written.</exception>
    public abstract ValueTask InvokeAsync(
        IQmpCall call, JsonElement arguments, Utf8JsonWriter result, CancellationToken cancellationToken);

    public static QmpCommand Create<TArgs, TReturn>(
        string name,
        Func<JsonTypeInfo<TArgs>> arguments,
        Func<JsonTypeInfo<TReturn>> returns,
        Func<IQmpCall, TArgs, CancellationToken, ValueTask<TReturn>> handler,
        QmpCommandFlags flags = QmpCommandFlags.None,
        IReadOnlyList<string>? features = null) =>
        new FunctionCommand<TArgs, TReturn>(name, arguments, returns, handler, flags) { Features = features ?? [] };

    /// <summary>A command that answers nothing.</summary>
    public static QmpCommand CreateAction<TArgs>(
        string name,
        Func<JsonTypeInfo<TArgs>> arguments,
        Func<IQmpCall, TArgs, CancellationToken, ValueTask> handler,
        QmpCommandFlags flags = QmpCommandFlags.None,
        IReadOnlyList<string>? features = null) =>
        new FunctionCommand<TArgs, object>(
            name, arguments, returns: null, (call, args, ct) => Nothing(handler(call, args, ct)), flags)
        { Features = features ?? [] };

    /// <summary>A command without arguments and answer.</summary>
    public static QmpCommand CreateAction(
        string name,
        Func<IQmpCall, CancellationToken, ValueTask> handler,
        QmpCommandFlags flags = QmpCommandFlags.None,
        IReadOnlyList<string>? features = null) =>
        new FunctionCommand<object, object>(
            name, arguments: null, returns: null, (call, _, ct) => Nothing(handler(call, ct)), flags)
        { Features = features ?? [] };

    /// <summary>A command without arguments.</summary>
    public static QmpCommand CreateQuery<TReturn>(
        string name,
        Func<JsonTypeInfo<TReturn>> returns,
        Func<IQmpCall, CancellationToken, ValueTask<TReturn>> handler,
        QmpCommandFlags flags = QmpCommandFlags.None,
        IReadOnlyList<string>? features = null) =>
        new FunctionCommand<object, TReturn>(name, arguments: null, returns, (call, _, ct) => handler(call, ct), flags)
        { Features = features ?? [] };

    private static async ValueTask<object> Nothing(ValueTask action)
    {
        await action.ConfigureAwait(false);
        return null!;
    }

    private sealed class FunctionCommand<TArgs, TReturn>(
        string name,
        Func<JsonTypeInfo<TArgs>>? arguments,
        Func<JsonTypeInfo<TReturn>>? returns,
        Func<IQmpCall, TArgs, CancellationToken, ValueTask<TReturn>> handler,
        QmpCommandFlags flags) : QmpCommand(name, flags)
    {
        private JsonTypeInfo<TArgs>? _deepArguments;
        private JsonTypeInfo<TReturn>? _deepReturns;

        public override JsonTypeInfo? ArgumentsType => arguments?.Invoke();

        public override JsonTypeInfo? ReturnType => returns?.Invoke();

        public override async ValueTask InvokeAsync(
            IQmpCall call, JsonElement json, Utf8JsonWriter result, CancellationToken cancellationToken)
        {
            var args = arguments is null ? default! : json.Deserialize(_deepArguments ??= arguments().Deep())!;
            var value = await handler(call, args, cancellationToken).ConfigureAwait(false);
            if (returns is not null)
            {
                JsonSerializer.Serialize(result, value, _deepReturns ??= returns().Deep());
                return;
            }

            result.WriteStartObject();
            result.WriteEndObject();
        }
    }
}
