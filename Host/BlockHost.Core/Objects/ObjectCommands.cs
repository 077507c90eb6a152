// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Core.Objects.Types;
using BlockHost.Qmp;

namespace BlockHost.Core.Objects;

/// <summary>object-add and object-del.</summary>
public static class ObjectCommands
{
    public static IEnumerable<QmpCommand> For(UserObjects objects) => [Add(objects), Delete(objects)];

    private static QmpCommand Add(UserObjects objects) => QmpCommand.CreateAction(
        "object-add",
        ObjectsJson.Default.ObjectOptions,
        (_, arguments, _) =>
        {
            objects.Add(arguments.Json);
            return ValueTask.CompletedTask;
        },
        QmpCommandFlags.AllowPreconfig);

    private static QmpCommand Delete(UserObjects objects) => QmpCommand.CreateAction(
        "object-del",
        ObjectsJson.Default.ObjectDelArguments,
        (_, arguments, _) =>
        {
            objects.Remove(arguments.Id);
            return ValueTask.CompletedTask;
        },
        QmpCommandFlags.AllowPreconfig);
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
[JsonSerializable(typeof(SecretOptions))]
[JsonSerializable(typeof(IoThreadOptions))]
[JsonSerializable(typeof(TlsCredsX509Options))]
[JsonSerializable(typeof(AuthzSimpleOptions))]
[JsonSerializable(typeof(AuthzListOptions))]
internal sealed partial class ObjectsJson : JsonSerializerContext;
