// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization;

namespace BlockHost.Qmp.Tests.Support;

/// <summary>One observation of the real program; which members are set depends on the file.</summary>
internal sealed record Observation
{
    public string Send { get; init; } = "";

    public IReadOnlyList<string> Expect { get; init; } = [];

    public string Command { get; init; } = "";

    public string Arguments { get; init; } = "";

    public string Argument { get; init; } = "";

    public string Error { get; init; } = "";

    public static IReadOnlyList<Observation> Load(string name) =>
        [.. File.ReadLines(
            Path.Combine(AppContext.BaseDirectory, "Facts", name)).Select(line =>
                JsonSerializer.Deserialize(line, ObservationJson.Default.Observation)!)];
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(Observation))]
internal sealed partial class ObservationJson : JsonSerializerContext;
