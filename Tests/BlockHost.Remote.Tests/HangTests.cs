// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using BlockHost.Block;
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins;
using BlockHost.Plugins.Block.Ftp;
using BlockHost.Plugins.Block.Http;
using BlockHost.Plugins.Block.Iscsi;
using BlockHost.Plugins.Block.Rbd;
using BlockHost.Plugins.Block.Ssh;
using BlockHost.Plugins.Block.Tftp;

namespace BlockHost.Remote.Tests;

/// <summary>
/// Nobody waits for ever: every driver beside every state of its peer. Each ends by itself, says why, and leaves nothing to be
/// yanked; and while it waits a yank ends it.
/// </summary>
public sealed class HangTests
{
    private const string OpeningFailed = "Error opening file: ";

    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(60);

    public static TheoryData<string, PeerState> Table => Of(Enum.GetValues<PeerState>());

    public static TheoryData<string, PeerState> Waiting => Of(PeerState.Frozen, PeerState.HalfReply);

    private static Dictionary<string, BlockDriver> Drivers
    {
        get
        {
            var found = new Collector();
            Plugin[] all =
                [new HttpPlugin(), new FtpPlugin(), new TftpPlugin(), new SshPlugin(), new IscsiPlugin(), new RbdPlugin()];
            foreach (var plugin in all)
                plugin.Register(found);
            return found.Drivers;
        }
    }

    [SkippableTheory]
    [MemberData(nameof(Table))]
    public async Task It_ends_and_says_why(string driver, PeerState state)
    {
        SkipWhereItIsMissing(driver);
        using var peer = new Peer(state, HasTls(driver));
        var host = new TestPluginHost { Clock = new FastClock() };

        // Only those wait so long who get no answer; packets to nobody have none, and Ceph tries until it gets one.
        var timeout = driver is "tftp" or "rbd" || state is PeerState.Frozen or PeerState.HalfReply ? 2 : 250;

        var error = await Assert.ThrowsAsync<BlockException>(() => OpenAsync(driver, peer, host, timeout).WaitAsync(Soon));

        Assert.Contains(Failed(driver), error.Message);
        if (state == PeerState.Unknown)
            Assert.Contains(Unresolved(driver), error.Message);
        if (state == PeerState.BadCertificate)
            Assert.Contains("server certificate verification failed", error.Message);
        Assert.DoesNotContain("hidden", error.ToString());
        Assert.Equal((0, 0), (host.Yank.Count, host.Buffers.Outstanding));
    }

    [SkippableTheory]
    [MemberData(nameof(Waiting))]
    public async Task A_yank_ends_it_at_once(string driver, PeerState state)
    {
        SkipWhereItIsMissing(driver);
        using var peer = new Peer(state, HasTls(driver));
        var host = new TestPluginHost();
        var opening = OpenAsync(driver, peer, host, timeout: 200);
        for (var clock = Stopwatch.StartNew(); host.Yank.Count == 0 && clock.Elapsed < Soon;)
            await Task.Delay(5);
        await Task.Delay(50);

        host.Yank.YankAll();

        Assert.Equal(BlockErrorKind.Yanked, (await Assert.ThrowsAsync<BlockException>(() => opening.WaitAsync(Soon))).Kind);
        Assert.Equal(0, host.Yank.Count);
    }

    private static string Failed(string driver) => driver switch
    {
        "ssh" or "rbd" => "",
        "iscsi" => "iSCSI: Failed to connect to LUN : ",
        _ => OpeningFailed,
    };

    private static void SkipWhereItIsMissing(string driver)
    {
        Skip.If(driver == "ssh" && !InstalledPrograms.Has("ssh"), "OpenSSH's client is not installed");
        Skip.If(driver == "rbd" && !NativeLibrary.TryLoad("librbd.so.1", out _), "Ceph's client library is not installed");
    }

    private static string Unresolved(string driver) => driver switch
    {
        "ssh" => "address resolution failed for nowhere.invalid:",
        "rbd" => "error connecting",
        _ => "Could not resolve host: nowhere.invalid",
    };

    private static JsonObject Options(string driver, Peer peer, int timeout) => driver switch
    {
        "ssh" => new() { ["server"] = new JsonObject { ["host"] = peer.Host, ["port"] = $"{peer.Port}" }, ["path"] = "/disk" },
        "iscsi" => new()
        {
            ["transport"] = "tcp",
            ["portal"] = $"{peer.Host}:{peer.Port}",
            ["target"] = "iqn.2024-01.test:d",
            ["user"] = "me",
            ["password"] = "hidden",
        },
        "rbd" => new()
        {
            ["pool"] = "p",
            ["image"] = "i",
            ["server"] = new JsonArray(new JsonObject { ["host"] = peer.Host, ["port"] = $"{peer.Port}" }),
            ["auth-client-required"] = new JsonArray("none"),
            ["x-blockhost-timeout"] = timeout,
        },
        "tftp" => new() { ["url"] = peer.Url(driver), ["timeout"] = timeout },
        _ => new() { ["url"] = peer.Url(driver), ["timeout"] = timeout, ["username"] = "me:hidden" },
    };

    private static async Task OpenAsync(string driver, Peer peer, TestPluginHost host, int timeout)
    {
        var options = Options(driver, peer, timeout);
        var context = new TestNodeContext(host) { ReadOnly = true };
        await using var _ = await Drivers[driver].OpenAsync(
            context, System.Text.Json.JsonSerializer.SerializeToElement(options), CancellationToken.None);
    }

    private static TheoryData<string, PeerState> Of(params PeerState[] states)
    {
        var table = new TheoryData<string, PeerState>();
        foreach (var driver in Drivers.Keys)
        {
            foreach (var state in states.Where(state => Has(driver, state)))
                table.Add(driver, state);
        }

        return table;
    }

    private static bool Has(string driver, PeerState state) => state != PeerState.BadCertificate || HasTls(driver);

    private static bool HasTls(string driver) => driver is "https" or "ftps";

    private sealed class Collector : IPluginRegistry
    {
        public Dictionary<string, BlockDriver> Drivers { get; } = [];

        public void Add(IProvided provided)
        {
            var driver = (BlockDriver)provided;
            Drivers.Add(driver.FormatName, driver);
        }
    }
}
