// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization;
using BlockHost.Core.Plugins;
using BlockHost.Plugins;
using BlockHost.Qmp;

namespace BlockHost.Core.Chardevs;

/// <summary>chardev-add, -change, -remove and -send-break, and their queries.</summary>
public static class ChardevCommands
{
    public static void Register(IPluginRegistry registry, ChardevTable devices, IPluginCatalog plugins, TimeProvider clock)
    {
        var json = ChardevJson.Default;
        registry.Add(new SocketBackend(clock));
        registry.Add(new StdioBackend());
        registry.Add(new ChardevYank());
        registry.Add(QmpCommand.Create(
            "chardev-add",
            () => json.ChardevArguments,
            () => json.ChardevReturn,
            (_, arguments, cancellationToken) => AddAsync(devices, arguments, cancellationToken)));
        registry.Add(QmpCommand.Create(
            "chardev-change",
            () => json.ChardevArguments,
            () => json.ChardevReturn,
            (_, arguments, cancellationToken) => ChangeAsync(devices, arguments, cancellationToken)));
        registry.Add(QmpCommand.CreateAction(
            "chardev-remove", () => json.ChardevId, (_, arguments, _) => devices.RemoveAsync(arguments.Id)));
        registry.Add(QmpCommand.CreateAction("chardev-send-break", () => json.ChardevId, (_, arguments, _) =>
        {
            devices.Named(arguments.Id).SendBreak();
            return ValueTask.CompletedTask;
        }));
        registry.Add(QmpCommand.CreateQuery(
            "query-chardev",
            () => json.IReadOnlyListChardevInfo,
            (_, _) => new ValueTask<IReadOnlyList<ChardevInfo>>(
                [.. devices.List().Select(device => new ChardevInfo
                {
                    Label = device.Id,
                    Filename = device.FileName,
                    FrontendOpen = devices.IsTaken(device),
                })])));
        registry.Add(QmpCommand.CreateQuery(
            "query-chardev-backends",
            () => json.IReadOnlyListChardevBackendInfo,
            (_, _) => new ValueTask<IReadOnlyList<ChardevBackendInfo>>(
                [.. plugins.NamesOf(ProvidedKind.Chardev).Select(name => new ChardevBackendInfo { Name = name })])));
    }

    private static async ValueTask<ChardevReturn> AddAsync(
        ChardevTable devices, ChardevArguments arguments, CancellationToken cancellationToken)
    {
        var device = await devices.AddAsync(arguments.Id, arguments.Backend.Json, cancellationToken).ConfigureAwait(false);
        return new ChardevReturn { Pty = device.Pty };
    }

    /// <summary>As QEMU does it: the old device goes first, and where the new one fails there is none.</summary>
    private static async ValueTask<ChardevReturn> ChangeAsync(
        ChardevTable devices, ChardevArguments arguments, CancellationToken cancellationToken)
    {
        devices.RefuseChange(arguments.Id);
        await devices.RemoveAsync(arguments.Id).ConfigureAwait(false);
        return await AddAsync(devices, arguments, cancellationToken).ConfigureAwait(false);
    }
}

internal sealed record ChardevArguments
{
    public required string Id { get; init; }

    public required ChardevBackendJson Backend { get; init; }
}

/// <summary>The QAPI union ChardevBackend: its branches come from plugins.</summary>
[JsonConverter(typeof(QapiUnionConverter<ChardevBackendJson>))]
[QapiExtensible(QapiExtension.ChardevBackend)]
internal sealed record ChardevBackendJson(JsonElement Json) : IQapiUnion<ChardevBackendJson>
{
    public static ChardevBackendJson From(JsonElement json) => new(json);
}

internal sealed record ChardevId
{
    public required string Id { get; init; }
}

internal sealed record ChardevReturn
{
    /// <summary>Name of the terminal's other end.</summary>
    public string? Pty { get; init; }
}

internal sealed record ChardevInfo
{
    public required string Label { get; init; }

    public required string Filename { get; init; }

    public required bool FrontendOpen { get; init; }
}

internal sealed record ChardevBackendInfo
{
    public required string Name { get; init; }
}

/// <summary>QAPI struct ChardevCommon.</summary>
internal abstract record ChardevCommon
{
    /// <summary>File that also gets what is written to the device.</summary>
    public string? Logfile { get; init; }

    public bool? Logappend { get; init; }
}

[JsonSourceGenerationOptions(
    MaxDepth = QmpJson.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(ChardevArguments))]
[JsonSerializable(typeof(ChardevId))]
[JsonSerializable(typeof(ChardevReturn))]
[JsonSerializable(typeof(IReadOnlyList<ChardevInfo>))]
[JsonSerializable(typeof(IReadOnlyList<ChardevBackendInfo>))]
[JsonSerializable(typeof(SocketData))]
[JsonSerializable(typeof(StdioData))]
[JsonSerializable(typeof(ChardevIdentity))]
[JsonSerializable(typeof(Mux.MuxData))]
internal sealed partial class ChardevJson : JsonSerializerContext;
