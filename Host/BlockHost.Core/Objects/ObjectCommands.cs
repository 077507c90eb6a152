// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Core.Objects.Types;
using BlockHost.Plugins;
using BlockHost.Qmp;

namespace BlockHost.Core.Objects;

/// <summary>object-add, object-del and query-iothreads.</summary>
public static class ObjectCommands
{
    /// <summary>The commands, and the object types that are the host's own.</summary>
    public static void Register(IPluginRegistry registry, UserObjects objects)
    {
        registry.Add(QmpCommand.CreateAction(
            "object-add",
            () => ObjectsJson.Default.ObjectOptions,
            (_, arguments, ct) => objects.AddAsync(arguments.Json, ct),
            QmpCommandFlags.AllowPreconfig));
        registry.Add(QmpCommand.CreateAction(
            "object-del",
            () => ObjectsJson.Default.ObjectDelArguments,
            (_, arguments, _) => objects.RemoveAsync(arguments.Id),
            QmpCommandFlags.AllowPreconfig));
        registry.Add(QmpCommand.CreateQuery(
            "query-iothreads",
            () => ObjectsJson.Default.IReadOnlyListIoThreadInfo,
            (_, _) => new(ListThreads(objects)),
            QmpCommandFlags.AllowPreconfig));
        registry.Add(new SecretType());
        registry.Add(new SecretKeyringType());
        registry.Add(new TlsCredsX509Type());
        registry.Add(new IoThreadType());
        registry.Add(new AuthzSimpleType());
        registry.Add(new AuthzListType());
        registry.Add(new AuthzListFileType());
    }

    private static IReadOnlyList<IoThreadInfo> ListThreads(UserObjects objects) =>
    [
        .. from named in objects.List() ?? []
        let thread = named.Object as IoThread
        where thread is not null
        select new IoThreadInfo
        {
            Id = named.Id,
            ThreadId = thread.ThreadId,
            PollMaxNs = thread.Current.PollMaxNs ?? 0,
            PollGrow = thread.Current.PollGrow ?? 0,
            PollShrink = thread.Current.PollShrink ?? 0,
            AioMaxBatch = thread.Current.AioMaxBatch ?? 0,
        },
    ];
}

/// <summary>QAPI IOThreadInfo.</summary>
internal sealed record IoThreadInfo
{
    public required string Id { get; init; }

    /// <summary>The kernel's id of the thread.</summary>
    public required long ThreadId { get; init; }

    public required long PollMaxNs { get; init; }

    public required long PollGrow { get; init; }

    public required long PollShrink { get; init; }

    public required long AioMaxBatch { get; init; }
}

internal sealed record ObjectDelArguments
{
    public required string Id { get; init; }
}

[JsonSourceGenerationOptions(
    MaxDepth = QmpJson.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(ObjectOptions))]
[JsonSerializable(typeof(ObjectDelArguments))]
[JsonSerializable(typeof(IReadOnlyList<IoThreadInfo>))]
[JsonSerializable(typeof(SecretOptions))]
[JsonSerializable(typeof(SecretKeyringOptions))]
[JsonSerializable(typeof(IoThreadOptions))]
[JsonSerializable(typeof(TlsCredsX509Options))]
[JsonSerializable(typeof(AuthzSimpleOptions))]
[JsonSerializable(typeof(AuthzListOptions))]
[JsonSerializable(typeof(AuthzListFileOptions))]
internal sealed partial class ObjectsJson : JsonSerializerContext;
