// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Devices;
using BlockHost.Plugins.Commands.Migration.Types;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Commands.Migration;

[JsonSourceGenerationOptions(
    MaxDepth = QmpJson.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(MigrateArguments))]
[JsonSerializable(typeof(UriArguments))]
[JsonSerializable(typeof(ContinueArguments))]
[JsonSerializable(typeof(SetCapabilitiesArguments))]
[JsonSerializable(typeof(IReadOnlyList<MigrationCapabilityStatus>))]
[JsonSerializable(typeof(MigrationParameters))]
[JsonSerializable(typeof(MigrationInfo))]
[JsonSerializable(typeof(MigrationEvent))]
[JsonSerializable(typeof(MigrationStatus))]
[JsonSerializable(typeof(RunState))]
[JsonSerializable(typeof(MigrationPassEvent))]
internal sealed partial class MigrationJson : JsonSerializerContext;
