// SPDX-License-Identifier: MIT
using BlockHost.Core.Chardevs.Mux;

namespace BlockHost.Core.Tests.Chardevs;

public class EscapeKeysTests
{
    private readonly EscapeKeys _keys = new();

    [Fact]
    public void What_is_typed_goes_through() => Assert.Equal("ab", Type("ab"));

    [Fact]
    public void A_key_behind_the_escape_is_the_multiplexers() =>
        Assert.Equal("a<Next><Help>b", Type("a\u0001c\u0001hb"));

    [Fact]
    public void The_escape_twice_is_the_escape_itself() => Assert.Equal("\u0001x", Type("\u0001\u0001x"));

    [Fact]
    public void A_key_that_means_nothing_is_lost() => Assert.Equal("y", Type("\u0001zy"));

    /// <summary>What goes through, and in angle brackets what the multiplexer is asked for.</summary>
    private string Type(string text)
    {
        var result = "";
        foreach (var letter in text)
        {
            if (_keys.Take((byte)letter, out var key))
                result += letter;
            else if (key != MuxKey.None)
                result += $"<{key}>";
        }

        return result;
    }
}
