// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Tools.Jobs;

namespace BlockHost.Tools.Differential.Tests.Beyond;

/// <summary>blockhost jobs: a line a job, as wide as there is room.</summary>
public sealed class JobLineTests
{
    private const string Running =
        """{"id": "nightly", "type": "backup", "status": "running", "current": 331, "total": 1000, "rate": 432013312, "remaining-ms": 65000}""";

    private const string Waiting = """{"id": "move", "type": "mirror", "status": "created", "current": 0, "total": 0}""";

    [Fact]
    public void Eighty_columns_are_enough_for_a_running_job() => Assert.Equal(
        [
            "nightly          backup   running   [===>        ]  33.1%  412 MiB/s  1m05s left",
            "move             mirror   created   [            ]",
        ],
        Lines(80));

    [Theory]
    [InlineData(200, 30)]
    [InlineData(80, 12)]
    [InlineData(75, 7)]
    public void The_bar_takes_what_is_left(int width, int bar) =>
        Assert.All(Lines(width), line => Assert.Equal(bar, line.IndexOf(']') - line.IndexOf('[') - 1));

    [Fact]
    public void Without_room_for_a_bar_there_is_none()
    {
        Assert.Equal("nightly          backup   running    33.1%  412 MiB/s  1m05s left", Lines(70)[0]);
    }

    private static List<string> Lines(int width) =>
        JobLine.Of([JsonDocument.Parse(Running).RootElement, JsonDocument.Parse(Waiting).RootElement], width);
}
