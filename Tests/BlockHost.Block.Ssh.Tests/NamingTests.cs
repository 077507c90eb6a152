// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Plugins.Block.Ssh;
using BlockHost.Plugins.Block.Ssh.Naming;
using BlockHost.Plugins.Block.Ssh.Transport;

namespace BlockHost.Block.Ssh.Tests;

/// <summary>ssh:// and older options, with the texts of QEMU 7.2.</summary>
public sealed class NamingTests
{
    [Theory]
    [InlineData("ssh://host/a/b", """{"server":{"host":"host","port":"22"},"path":"/a/b"}""")]
    [InlineData("ssh://me@host:2222/a%20b", """{"server":{"host":"host","port":"2222"},"path":"/a b","user":"me"}""")]
    [InlineData("ssh://[::1]:22/a", """{"server":{"host":"::1","port":"22"},"path":"/a"}""")]
    [InlineData(
        "ssh://host/a?host_key_check=no", """{"server":{"host":"host","port":"22"},"path":"/a","host-key-check":{"mode":"none"}}""")]
    [InlineData(
        "ssh://host/a?other=1&host_key_check=yes",
        """{"server":{"host":"host","port":"22"},"path":"/a","host-key-check":{"mode":"known_hosts"}}""")]
    [InlineData(
        "ssh://host/a?host_key_check=sha1:00:11",
        """{"server":{"host":"host","port":"22"},"path":"/a","host-key-check":{"mode":"hash","type":"sha1","hash":"00:11"}}""")]
    public void Names(string name, string options)
    {
        Assert.True(new SshDriver().TryParseFileName(name, out var parsed));
        Assert.Equal(options, JsonSerializer.Serialize(parsed));
    }

    [Theory]
    [InlineData("ssh:host", "missing hostname in URI")]
    [InlineData("ssh:///a", "missing hostname in URI")]
    [InlineData("ssh://host", "missing remote path in URI")]
    [InlineData("ssh://host:x/a", "invalid port in URI")]
    [InlineData("ssh://host/a?host_key_check=maybe", "unknown host_key_check setting (maybe)")]
    public void Wrong_names(string name, string reason) =>
        Assert.Equal(reason, Assert.Throws<BlockException>(() => SshUrl.Parse(name)).Message);

    [Fact]
    public void Older_options_become_those_of_the_schema()
    {
        var older = JsonSerializer.Deserialize<JsonElement>(
            """{"host":"h","port":"1","path":"/a","user":"u","host_key_check":"md5:00"}""");

        Assert.Equal(
            """{"server":{"host":"h","port":"1"},"host-key-check":{"mode":"hash","type":"md5","hash":"00"},"path":"/a","user":"u"}""",
            JsonSerializer.Serialize(new SshDriver().Modernise(older)));
    }

    [Theory]
    [InlineData("ssh://me@host:2222/a%20b/c")]
    [InlineData("ssh://[::1]:22/a")]
    [InlineData("ssh://host:22/a?host_key_check=no")]
    [InlineData("ssh://host:22/a?host_key_check=sha256:00")]
    public void A_name_that_is_shown_opens_the_same(string name)
    {
        var options = SshUrl.Parse(name).Deserialize(SshJson.Default.SshOptions)!;

        Assert.Equal(name, SshUrl.Of(options));
    }

    [Theory]
    [InlineData("$(id)", null)]
    [InlineData("-oProxyCommand=id", null)]
    [InlineData("host;id", null)]
    [InlineData("host", "`id`")]
    [InlineData("host", "-l")]
    [InlineData("host", "me id")]
    [InlineData("host", "")]
    public void Names_that_say_something_to_a_shell_are_refused(string host, string? user)
    {
        var options = new SshOptions { Server = new() { Host = host, Port = "22" }, Path = "/a", User = user };

        var error = Assert.Throws<BlockException>(() => SshCommandLine.For(options));

        Assert.Equal(user is null ? "server.host" : "user", error.Parameter!.Name);
    }
}
