// SPDX-License-Identifier: MIT
using System.Text;
using BlockHost.Plugins.Block.Vvfat.Layout;

namespace BlockHost.Block.Vvfat.Tests;

/// <summary>Names of the host become names of FAT, which are fewer.</summary>
public sealed class NameTests
{
    [Theory]
    [InlineData("README", "README     ", false)]
    [InlineData("README.TXT", "README  TXT", false)]
    [InlineData("A-B_C.$$$", "A-B_C   $$$", false)]
    [InlineData("readme.txt", "README  TXT", true)]
    [InlineData("a name.txt", "ANAME~1 TXT", true)]
    [InlineData("longer than eight", "LONGER~1   ", true)]
    [InlineData(".profile", "PROFIL~1   ", true)]
    [InlineData("archive.tar.gz", "ARCHIV~1GZ ", true)]
    [InlineData("a.text", "A~1     TEX", true)]
    [InlineData("日本", "__~1       ", true)]
    [InlineData("a+b", "A_B~1      ", true)]
    public void A_short_name_is_made(string name, string shortName, bool needsLong)
    {
        var made = Assert.Single(NameTable.Of([name]));

        Assert.Equal(shortName, Encoding.ASCII.GetString(made.Short));
        Assert.Equal(needsLong, made.NeedsLong);
        Assert.Equal(name, made.Long);
    }

    [Fact]
    public void What_differs_in_case_alone_is_told_apart()
    {
        var names = NameTable.Of(["Makefile", "makefile", "MAKEFILE", "a.C", "a.c"]).Select(name => name.Long);

        Assert.Equal(["Makefile", "makefile~2", "MAKEFILE~3", "a.C", "a~2.c"], names);
    }

    [Fact]
    public void No_short_name_is_another_files_long_one()
    {
        var names = NameTable.Of(["longer than eight", "LONGER~1", "longer~2"]);

        Assert.Equal("LONGER~3   ", Encoding.ASCII.GetString(names[0].Short));
    }

    [Fact]
    public void No_two_of_many_are_alike()
    {
        var hostNames = Enumerable.Range(0, 20_000).Select(i => $"picture {i}.jpeg").ToList();

        var made = NameTable.Of(hostNames);

        Assert.Equal(made.Length, made.Select(name => Encoding.ASCII.GetString(name.Short)).Distinct().Count());
    }

    [Theory]
    [InlineData("a:b", "a\uf03ab")]
    [InlineData("what?", "what\uf03f")]
    [InlineData("back\\slash", "back\uf05cslash")]
    [InlineData("tab\there", "tab\uf009here")]
    [InlineData("ends.", "ends\uf02e")]
    [InlineData("ends ", "ends\uf020")]
    [InlineData("...", "..\uf02e")]
    public void What_FAT_forbids_is_shown_otherwise_and_found_again(string name, string shown)
    {
        Assert.Equal(shown, NameCharacters.ToFat(name));
        Assert.Equal(name, NameCharacters.ToHost(shown));
    }

    [Theory]
    [InlineData("\uf02f")]
    [InlineData("\uf000")]
    [InlineData("\uf041")]
    public void Nothing_else_comes_out_of_the_private_area(string shown) => Assert.Equal(shown, NameCharacters.ToHost(shown));

    [Theory]
    [InlineData(1980, 1, 1, 0, 0, 0, 0x0021, 0)]
    [InlineData(1970, 1, 1, 0, 0, 0, 0x0021, 0)]
    [InlineData(2026, 11, 30, 13, 14, 59, 0x5d7e, 0x69dd)]
    [InlineData(2200, 1, 1, 0, 0, 0, 0xff9f, 0xbf7d)]
    public void Times_are_the_nearest_that_FAT_has(
        int year, int month, int day, int hour, int minute, int second, int date, int time)
    {
        var when = new DateTimeOffset(year, month, day, hour, minute, second, TimeSpan.Zero);

        Assert.Equal(((ushort)date, (ushort)time), FatTime.From(when, TimeZoneInfo.Utc));
    }
}
