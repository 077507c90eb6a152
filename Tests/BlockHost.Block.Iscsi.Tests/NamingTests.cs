// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Plugins.Block.Iscsi;
using BlockHost.Plugins.Block.Iscsi.Naming;

namespace BlockHost.Block.Iscsi.Tests;

/// <summary>iscsi:// and options, with the texts of QEMU 7.2.</summary>
public sealed class NamingTests
{
    private const string Whole = """{"transport":"tcp","portal":"host","target":"iqn.2024-01.test:d" """;

    [Theory]
    [InlineData("iscsi://host/iqn.2024-01.test:d/1", Whole + ""","lun":"1"}""")]
    [InlineData(
        "iscsi://[::1]:3261/iqn.2024-01.test:d/0",
        """{"transport":"tcp","portal":"[::1]:3261","target":"iqn.2024-01.test:d","lun":"0"}""")]
    [InlineData("iscsi://me@host/iqn.2024-01.test:d/1", Whole + ""","lun":"1","user":"me"}""")]
    [InlineData("iscsi://me%pa/ss@x@host/iqn.2024-01.test:d/1", Whole + ""","lun":"1","user":"me","password":"pa/ss@x"}""")]
    [InlineData("iser://host/iqn.2024-01.test:d/1?other=1", """
        {"transport":"iser","portal":"host","target":"iqn.2024-01.test:d","lun":"1"}
        """)]
    public void Names(string name, string options)
    {
        Assert.True(new IscsiDriver().TryParseFileName(name, out var parsed));
        Assert.Equal(options.Replace(" ", "", StringComparison.Ordinal).Trim(), JsonSerializer.Serialize(parsed));
    }

    [Theory]
    [InlineData("iscsi:foo")]
    [InlineData("iscsi://")]
    [InlineData("iscsi://host")]
    [InlineData("iscsi://host/iqn.x")]
    [InlineData("iscsi://host/iqn.x/x")]
    [InlineData("iscsi://host/iqn.x/-1")]
    [InlineData("iscsi://host/iqn.x/1/2")]
    [InlineData("iscsi:///iqn.x/1")]
    [InlineData("iscsi://host:port/iqn.x/1")]
    [InlineData("iscsi://host:0/iqn.x/1")]
    [InlineData("iscsi://[::1/iqn.x/1")]
    public void Wrong_names(string name) =>
        Assert.Equal($"Failed to parse URL : {name}", Assert.Throws<BlockException>(() => IscsiUrl.Parse(name)).Message);

    [Fact]
    public void A_wrong_name_is_shown_without_the_password_in_it() =>
        Assert.Equal(
            "Failed to parse URL : iscsi://host/iqn.x/x",
            Assert.Throws<BlockException>(() => IscsiUrl.Parse("iscsi://me%hidden@host/iqn.x/x")).Message);

    [Theory]
    [InlineData("""{"transport":"tcp","target":"iqn.x"}""", "Need all of transport, portal and target options")]
    [InlineData("""{"transport":"foo","portal":"h","target":"iqn.x"}""", "Unknown transport: foo")]
    [InlineData(
        """{"transport":"tcp","portal":"h","target":"iqn.x","header-digest":"bar"}""", "Invalid header-digest setting : bar")]
    public void Options_of_command_lines(string options, string reason) =>
        Assert.Equal(
            reason,
            Assert.Throws<BlockException>(
                () => new IscsiDriver().Modernise(JsonSerializer.Deserialize<JsonElement>(options))).Message);

    [Theory]
    [InlineData(""" "user":"me" """, "CHAP username specified but no password was given")]
    [InlineData(
        """ "user":"me","password":"hidden","password-secret":"s" """,
        "'password' and 'password-secret' properties are mutually exclusive")]
    [InlineData(""" "user":"me","password-secret":"none" """, "No secret with id 'none'")]
    [InlineData(""" "user":"m\u0000e","password-secret":"s" """, "Parameter 'user' expects a name of 1 to 223 characters")]
    [InlineData(""" "initiator-name":"" """, "Parameter 'initiator-name' expects a name of 1 to 223 characters")]
    [InlineData(""" "lun":16384 """, "Parameter 'lun' expects a number from 0 to 16383")]
    [InlineData(""" "timeout":-1 """, "Parameter 'timeout' expects seconds")]
    [InlineData(""" "x-blockhost-portals":["host:port"] """, "Parameter 'x-blockhost-portals' expects HOST[:PORT]")]
    [InlineData(
        """ "x-blockhost-target-user":"t","x-blockhost-target-password-secret":"s" """,
        "A target logs in only where this side does: 'user' is missing")]
    [InlineData(
        """ "user":"me","password-secret":"s","x-blockhost-target-user":"t" """,
        "'x-blockhost-target-user' and 'x-blockhost-target-password-secret' come together")]
    [InlineData(
        """ "user":"me","password-secret":"s","x-blockhost-target-user":"t","x-blockhost-target-password-secret":"s" """,
        "The two sides' passwords have to be different ones")]
    public async Task Options_that_are_wrong(string more, string reason)
    {
        var options = JsonSerializer.Deserialize<JsonElement>(
            $$"""{"transport":"tcp","portal":"127.0.0.1:1","target":"iqn.x",{{more}}}""");

        Assert.Equal(reason, await Client.OpenErrorAsync(options, Client.With("s", "hidden")));
    }

    [Fact]
    public async Task There_is_no_iser()
    {
        var options = JsonSerializer.Deserialize<JsonElement>("""{"transport":"iser","portal":"127.0.0.1:1","target":"iqn.x"}""");

        Assert.Equal("iSCSI over RDMA (iser) is not supported", await Client.OpenErrorAsync(options));
    }
}
