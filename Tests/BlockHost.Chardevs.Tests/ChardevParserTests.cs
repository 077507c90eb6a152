// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Core.Chardevs;
using BlockHost.Net;
using BlockHost.Qmp;

namespace BlockHost.Core.Tests.Chardevs;

/// <summary>Error texts are those of QEMU 7.2's storage daemon for the same mistake.</summary>
public sealed class ChardevParserTests
{
    [Fact]
    public void A_server_socket_waits_unless_told_not_to()
    {
        var options = Assert.IsType<SocketChardevOptions>(ChardevParser.Parse("socket,id=mon0,path=/run/x,server=on"));

        Assert.Equal("mon0", options.Id);
        Assert.Equal("/run/x", Assert.IsType<UnixSocketAddress>(options.Address).Path);
        Assert.True(options.Server);
        Assert.True(options.Wait);
        Assert.Equal("unix:/run/x,server=on", options.Describe());
    }

    [Theory]
    [InlineData("socket,id=m,path=/x,server=on,wait=off")]
    [InlineData("socket,id=m,path=/x,server,nowait")]
    public void Short_forms_of_switches_are_understood(string text)
    {
        var options = Assert.IsType<SocketChardevOptions>(ChardevParser.Parse(text));

        Assert.True(options.Server);
        Assert.False(options.Wait);
    }

    [Fact]
    public void Options_of_a_plugins_backend_are_left_to_it()
    {
        var options = Assert.IsType<PluginChardevOptions>(ChardevParser.Parse("file,id=f,path=/x,append=on,odd"));

        Assert.Equal(("f", "file"), (options.Id, options.Backend));
        Assert.Equal(
            ["append=on", "odd=on", "path=/x"], options.Options.Select(option => $"{option.Key}={option.Value}").Order());
    }

    [Fact]
    public void A_doubled_comma_is_part_of_the_value() =>
        Assert.Equal(
            "/a,b",
            Assert.IsType<UnixSocketAddress>(((SocketChardevOptions)ChardevParser.Parse("socket,id=m,path=/a,,b")).Address).Path);

    [Fact]
    public void A_client_over_the_internet_can_reconnect()
    {
        var options = (SocketChardevOptions)ChardevParser.Parse("socket,id=m,host=::1,port=99,reconnect=3,ipv6=on");

        Assert.Equal(3, options.ReconnectSeconds);
        var inet = Assert.IsType<InetSocketAddress>(options.Address);
        Assert.Equal(("::1", "99", true), (inet.Host, inet.Port, inet.Ipv6));
        Assert.Equal("tcp:[::1]:99", options.Describe());
    }

    [Theory]
    [InlineData("socket,path=/x", "chardev: no id specified")]
    [InlineData("socket,id=1x,path=/x", "Parameter 'id' expects an identifier")]
    [InlineData("socket,id=x", "Unable to parse FD number ")]
    [InlineData("socket,id=x,host=localhost", "chardev: socket: no port given")]
    [InlineData("socket,id=x,path=/q,foo=1", "Invalid parameter 'foo'")]
    [InlineData("socket,id=x,path=/q,server=maybe", "Parameter 'server' expects 'on' or 'off'")]
    [InlineData("socket,id=x,path=/q,wait=off", "'wait' option is incompatible with socket in client connect mode")]
    [InlineData(
        "socket,id=x,path=/q,server=on,reconnect=3", "'reconnect' option is incompatible with socket in server listen mode")]
    [InlineData("socket,id=x,path=/q,host=a,port=1", "None or one of 'path', 'fd' or 'host' option required.")]
    public async Task A_mistake_is_refused_with_qemus_text(string text, string message)
    {
        var error = await Assert.ThrowsAnyAsync<Exception>(async () =>
        {
            await using var device = new SocketChardev(
                (SocketChardevOptions)ChardevParser.Parse(text),
                Moq.Mock.Of<BlockHost.Objects.IUserObjects>(),
                TimeProvider.System);
            await device.StartAsync(default);
        });

        Assert.True(error is QmpException or BlockException, error.ToString());
        Assert.Equal(message, error.Message);
    }
}
