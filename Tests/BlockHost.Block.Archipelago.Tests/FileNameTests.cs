// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Plugins.Block.Archipelago;

namespace BlockHost.Block.Archipelago.Tests;

/// <summary>archipelago:volume[/mport=…[:vport=…][:segment=…]], as QEMU 2.2 to 2.8 take it.</summary>
public sealed class FileNameTests
{
    [Theory]
    [InlineData("archipelago:vol", """{"volume":"vol"}""")]
    [InlineData("archipelago:vol/mport=12", """{"volume":"vol","mport":12}""")]
    [InlineData("archipelago:vol/mport=12:vport=34", """{"volume":"vol","mport":12,"vport":34}""")]
    [InlineData("archipelago:vol/mport=12:vport=34:segment=s", """{"volume":"vol","mport":12,"vport":34,"segment":"s"}""")]
    [InlineData("archipelago:vol/segment=s", """{"volume":"vol","segment":"s"}""")]
    public void A_name_stands_for_options_and_they_for_it(string name, string expected)
    {
        var options = VolumeFileName.Parse(name);

        Assert.Equal(expected, JsonSerializer.Serialize(options, ArchipelagoJson.Default.ArchipelagoOptions));
        Assert.Equal(name, VolumeFileName.Of(options));
    }

    [Theory]
    [InlineData("nbd:vol", "File name must start with 'archipelago:'")]
    [InlineData("archipelago:", "volume name must be specified")]
    [InlineData("archipelago:/mport=1", "volume name must be specified")]
    [InlineData("archipelago:vol/mport=x", "mport and/or vport must be set")]
    [InlineData("archipelago:vol/vport=-1", "mport and/or vport must be set")]
    [InlineData("archipelago:vol/vport=99999999999", "mport and/or vport must be set")]
    [InlineData("archipelago:vol/", "'' is no part of an archipelago file name")]
    [InlineData("archipelago:vol/port=1", "'port=1' is no part of an archipelago file name")]
    [InlineData("archipelago:vol/segment=", "'segment=' is no part of an archipelago file name")]
    public void What_is_no_name_is_refused(string name, string message) =>
        Assert.Equal(message, Assert.Throws<BlockException>(() => VolumeFileName.Parse(name)).Message);
}
