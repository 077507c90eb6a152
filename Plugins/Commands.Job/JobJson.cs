// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Plugins.Commands.Job.Types;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Commands.Job;

[JsonSourceGenerationOptions(
    MaxDepth = QmpJson.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(JobIdArguments))]
[JsonSerializable(typeof(BlockJobDeviceArguments))]
[JsonSerializable(typeof(BlockJobCancelArguments))]
[JsonSerializable(typeof(BlockJobSetSpeedArguments))]
[JsonSerializable(typeof(TransactionArguments))]
[JsonSerializable(typeof(AbortData))]
[JsonSerializable(typeof(IReadOnlyList<JobInfoEntry>))]
[JsonSerializable(typeof(IReadOnlyList<BlockJobInfo>))]
[JsonSerializable(typeof(IReadOnlyList<JobProgressEntry>))]
internal sealed partial class JobJson : JsonSerializerContext;
