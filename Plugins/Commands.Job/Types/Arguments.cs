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
[JsonConverter(typeof(TransactionActionConverter))]
[QapiExtensible(QapiExtension.TransactionAction)]
internal sealed record TransactionActionJson(JsonElement Json);

internal sealed class TransactionActionConverter : JsonConverter<TransactionActionJson>
{
    public override TransactionActionJson Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        new(JsonElement.ParseValue(ref reader));

    public override void Write(Utf8JsonWriter writer, TransactionActionJson value, JsonSerializerOptions options) => value.Json.WriteTo(writer);
}
