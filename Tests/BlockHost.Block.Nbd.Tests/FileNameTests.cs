// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Net;
using BlockHost.Plugins.Block.Nbd;
using BlockHost.Plugins.Block.Nbd.Naming;

namespace BlockHost.Block.Nbd.Tests;

/// <summary>What a file name stands for, and the name that a node shows.</summary>
public sealed class FileNameTests
{
    [Theory]
    [InlineData("nbd://host:1234/disk", "host", "1234", "disk")]
    [InlineData("nbd+tcp://host/disk", "host", "10809", "disk")]
    [InlineData("nbd://host", "host", "10809", "")]
    [InlineData("nbd://host/", "host", "10809", "")]
    [InlineData("nbd://host//disk", "host", "10809", "/disk")]
    [InlineData("nbd://host/a%20b%2fc", "host", "10809", "a b/c")]
    [InlineData("nbd://[::1]:5/x", "::1", "5", "x")]
    [InlineData("nbd:host:1234", "host", "1234", "")]
    [InlineData("nbd:host:1234:exportname=a:b", "host", "1234", "a:b")]
    [InlineData("nbd:[::1]:5:exportname=x", "::1", "5", "x")]
    public void An_export_of_a_host(string name, string host, string port, string export)
    {
        var target = NbdFileName.Parse(name);

        Assert.Equal(new NbdTarget(new InetSocketAddress { Host = host, Port = port }, export), target);
    }

    [Theory]
    [InlineData("nbd+unix:///disk?socket=/a/b", "/a/b", "disk")]
    [InlineData("nbd+unix://?socket=b", "b", "")]
    [InlineData("nbd+unix:///?socket=a%3Fb", "a?b", "")]
    [InlineData("nbd:unix:/a/b", "/a/b", "")]
    [InlineData("nbd:unix:/a/b:exportname=x/y", "/a/b", "x/y")]
    public void An_export_behind_a_socket(string name, string path, string export)
    {
        var target = NbdFileName.Parse(name);

        Assert.Equal(new NbdTarget(new UnixSocketAddress { Path = path }, export), target);
    }

    [Theory]
    [InlineData("nbd:", "NBD server address missing")]
    [InlineData("nbd::exportname=x", "NBD server address missing")]
    [InlineData("nbd:h:1:exportname=", "NBD server address missing")]
    [InlineData("nbd:host", "error parsing address 'host'")]
    [InlineData("nbd:host:", "error parsing address 'host:'")]
    [InlineData("nbd://", "No valid URL specified")]
    [InlineData("nbd://h:x/y", "No valid URL specified")]
    [InlineData("nbd://h/y?socket=z", "No valid URL specified")]
    [InlineData("nbd+unix:///y", "No valid URL specified")]
    [InlineData("nbd+unix://h/y?socket=z", "No valid URL specified")]
    [InlineData("nbd+unix:///y?socket=z&more=1", "No valid URL specified")]
    public void A_name_that_is_none(string name, string error) =>
        Assert.Equal(error, Assert.Throws<BlockException>(() => NbdFileName.Parse(name)).Message);

    [Theory]
    [InlineData("nbd://host:1234/disk", "nbd://host:1234/disk")]
    [InlineData("nbd:host:1234", "nbd://host:1234")]
    [InlineData("nbd:unix:s", "nbd+unix://?socket=s")]
    [InlineData("nbd:unix:s:exportname=a b", "nbd+unix:///a b?socket=s")]
    public void The_name_that_a_node_shows(string name, string shown)
    {
        var target = NbdFileName.Parse(name);

        Assert.Equal(shown, NbdFileName.Of(target.Server, target.Export));
    }

    [Fact]
    public void An_address_that_says_more_than_a_name_can_has_none() =>
        Assert.Null(NbdFileName.Of(new InetSocketAddress { Host = "h", Port = "1", Ipv4 = true }, "x"));

    [Theory]
    [InlineData("""{"host":"h","port":"1","export":"e"}""", """{"server":{"type":"inet","host":"h","port":"1"},"export":"e"}""")]
    [InlineData("""{"host":"h"}""", """{"server":{"type":"inet","host":"h","port":"10809"}}""")]
    [InlineData("""{"path":"p"}""", """{"server":{"type":"unix","path":"p"}}""")]
    [InlineData("""{"server":{"type":"unix","path":"p"}}""", """{"server":{"type":"unix","path":"p"}}""")]
    public void Older_options_stand_for_a_server(string older, string today) =>
        Assert.True(JsonElement.DeepEquals(Json(today), new NbdDriver().Modernise(Json(older))));

    [Theory]
    [InlineData("{}", "NBD server address missing")]
    [InlineData("""{"port":"1"}""", "NBD server address missing")]
    [InlineData("""{"path":"p","port":"1"}""", "port may not be used without host")]
    [InlineData("""{"path":"p","host":"h"}""", "path and host may not be used at the same time")]
    [InlineData(
        """{"path":"p","server":{"type":"unix","path":"p"}}""", "Cannot use 'server' and path/host/port at the same time")]
    public void Addresses_that_contradict_one_another(string options, string error) =>
        Assert.Equal(error, Assert.Throws<BlockException>(() => new NbdDriver().Modernise(Json(options))).Message);

    private static JsonElement Json(string text) => JsonDocument.Parse(text).RootElement;
}
