// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Core.Objects.Types;
using BlockHost.Plugins;
using BlockHost.Qmp;

namespace BlockHost.Core.Objects;

/// <summary>object-add and object-del.</summary>
public static class ObjectCommands
{
    /// <summary>The commands, and the object types that are the host's own.</summary>
    public static void Register(IPluginRegistry registry, UserObjects objects)
    {
        registry.Add(QmpCommand.CreateAction(
            "object-add", ObjectsJson.Default.ObjectOptions, (_, arguments, ct) => objects.AddAsync(arguments.Json, ct), QmpCommandFlags.AllowPreconfig));
        registry.Add(QmpCommand.CreateAction(
            "object-del", ObjectsJson.Default.ObjectDelArguments, (_, arguments, _) => objects.RemoveAsync(arguments.Id), QmpCommandFlags.AllowPreconfig));
        registry.Add(new SecretType());
        registry.Add(new TlsCredsX509Type());
        registry.Add(new IoThreadType());
        registry.Add(new AuthzSimpleType());
        registry.Add(new AuthzListType());
    }
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
