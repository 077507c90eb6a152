// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization;
using BlockHost.Jobs;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Commands.Job.Types;

internal sealed record JobIdArguments
{
    public required string Id { get; init; }
}

internal sealed record BlockJobDeviceArguments
{
    public required string Device { get; init; }
}

internal sealed record BlockJobCancelArguments
{
    public required string Device { get; init; }

    public bool? Force { get; init; }
}

internal sealed record BlockJobSetSpeedArguments
{
    public required string Device { get; init; }

    public required long Speed { get; init; }
}

internal sealed record TransactionArguments
{
    public required IReadOnlyList<TransactionActionJson> Actions { get; init; }

    public TransactionProperties? Properties { get; init; }
}

internal sealed record TransactionProperties
{
    public ActionCompletionMode? CompletionMode { get; init; }
}

internal sealed record AbortData;

/// <summary>The QAPI union TransactionAction: kept as JSON because its branches come from plugins.</summary>
[JsonConverter(typeof(QapiUnionConverter<TransactionActionJson>))]
[QapiExtensible(QapiExtension.TransactionAction)]
internal sealed record TransactionActionJson(JsonElement Json) : IQapiUnion<TransactionActionJson>
{
    public static TransactionActionJson From(JsonElement json) => new(json);
}
