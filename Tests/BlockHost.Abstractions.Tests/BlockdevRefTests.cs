// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization;
using BlockHost.Block;

namespace BlockHost.Abstractions.Tests;

public sealed class BlockdevRefTests
{
    [Fact]
    public void A_string_names_a_node_and_an_object_defines_one()
    {
        Assert.Equal("disk", Read("""{"file":"disk"}""").File.NodeName);

        var definition = Read("""{"file":{"driver":"raw"}}""").File;
        Assert.False(definition.IsReference);
        Assert.Equal("raw", definition.Options.GetProperty("driver").GetString());
    }

    [Theory]
    [InlineData("""{"file":"f","backing":null}""")]
    [InlineData("""{"file":"f","backing":""}""")]
    public void Null_and_the_older_empty_string_mean_no_backing_file(string json)
    {
        var backing = Read(json).Backing;

        Assert.NotNull(backing);
        Assert.Null(backing.Value);
    }

    [Fact]
    public void An_absent_backing_option_is_told_apart_from_none() => Assert.Null(Read("""{"file":"f"}""").Backing);

    [Fact]
    public void A_number_is_neither() => Assert.Throws<JsonException>(() => Read("""{"file":7}"""));

    [Theory]
    [InlineData("""{"file":"f","backing":null}""")]
    [InlineData("""{"file":{"driver":"raw"},"backing":"b"}""")]
    public void What_is_read_is_written_back(string json) =>
        Assert.Equal(json, JsonSerializer.Serialize(Read(json), RefJson.Default.RefOptions));

    private static RefOptions Read(string json) => JsonSerializer.Deserialize(json, RefJson.Default.RefOptions)!;
}

internal sealed record RefOptions
{
    [JsonPropertyName("file")]
    public required BlockdevRef File { get; init; }

    [JsonPropertyName("backing")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public BlockdevRefOrNull? Backing { get; init; }
}

[JsonSerializable(typeof(RefOptions))]
internal sealed partial class RefJson : JsonSerializerContext;
