// SPDX-License-Identifier: MIT
using BlockHost.Plugins.Block.Nbd.Client;

namespace BlockHost.Block.Nbd.Tests;

public sealed class CoverageTests
{
    [Theory]
    [InlineData("0+10")]
    [InlineData("0+4 4+6")]
    [InlineData("5+5 0+5")]
    [InlineData("8+2 0+2 4+2 2+2 6+2")]
    public void Parts_in_any_order_make_a_whole(string parts)
    {
        var coverage = Of(parts);

        Assert.True(coverage.IsComplete);
    }

    [Theory]
    [InlineData("")]
    [InlineData("0+9")]
    [InlineData("1+9")]
    [InlineData("0+4 5+5")]
    public void A_part_that_is_missing_shows(string parts) => Assert.False(Of(parts).IsComplete);

    [Theory]
    [InlineData("0+5", 4, 2)]
    [InlineData("0+5", 0, 5)]
    [InlineData("5+5", 4, 2)]
    [InlineData("2+2 6+2", 0, 10)]
    [InlineData("2+2 6+2", 3, 4)]
    [InlineData("", 0, 0)]
    [InlineData("", -1, 2)]
    [InlineData("", 9, 2)]
    [InlineData("", 11, 1)]
    [InlineData("", 1, long.MaxValue)]
    [InlineData("", long.MaxValue, 1)]
    public void What_came_before_or_is_not_inside_is_refused(string parts, long start, long bytes) =>
        Assert.False(Of(parts).TryAdd(start, bytes));

    private static Coverage Of(string parts)
    {
        var coverage = new Coverage();
        coverage.Reset(10);
        foreach (var part in parts.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            var numbers = part.Split('+');
            Assert.True(coverage.TryAdd(long.Parse(numbers[0], null), long.Parse(numbers[1], null)));
        }

        return coverage;
    }
}
