// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Ssh.Tests.RealServers;

/// <summary>A disk that is a file of OpenSSH's server.</summary>
public sealed class DiskTests : IAsyncLifetime
{
    private static readonly byte[] Content = Client.Noise((2 << 20) + 300);

    private SshServer? _server;

    private SshServer Server => _server!;

    public async Task InitializeAsync()
    {
        if (!File.Exists("/usr/sbin/sshd"))
            return;
        _server = await SshServer.StartAsync();
        await File.WriteAllBytesAsync(Server["disk"], Content);
    }

    public async Task DisposeAsync() => await (_server?.DisposeAsync() ?? default);

    [SkippableFact]
    public async Task It_is_read_in_one_go_and_in_pieces()
    {
        await using var node = await OpenAsync();

        Assert.Equal((2 << 20) + 512, node.Profile.Length);
        var all = await node.ReadAsync(0, (int)node.Profile.Length);
        Assert.Equal(Content, all[..Content.Length]);
        Assert.All(all[Content.Length..], left => Assert.Equal(0, left));
        Assert.Equal(Content[1_000_000..1_004_096], await node.ReadAsync(1_000_000, 4096));
    }

    [SkippableFact]
    public async Task Many_at_once_read_and_write_what_is_theirs()
    {
        await using var node = await OpenAsync();
        var expected = (byte[])Content.Clone();

        await Task.WhenAll(Enumerable.Range(0, 64).Select(async i =>
        {
            var (offset, data) = (i * 32_000, Client.Noise(20_000 + i));
            data.CopyTo(expected, offset);
            await node.WriteAsync(offset, data);
            Assert.Equal(data, await node.ReadAsync(offset, data.Length));
        }));
        await node.FlushAsync();

        Assert.Equal(expected, await File.ReadAllBytesAsync(Server["disk"]));
    }

    [SkippableFact]
    public async Task It_grows_by_writes_behind_its_end_and_changes_its_size_both_ways()
    {
        await using var node = await OpenAsync();
        var resizable = Assert.IsAssignableFrom<IResizable>(node);

        await node.WriteAsync(3 << 20, Content[..1000]);
        Assert.Equal((3 << 20) + 1024, node.Profile.Length);
        await resizable.ResizeAsync(8 << 20, default, default);
        Assert.Equal((8 << 20, 8 << 20), (node.Profile.Length, new FileInfo(Server["disk"]).Length));
        await resizable.ResizeAsync(1 << 20, default, default);

        Assert.Equal(Content[..(1 << 20)], await File.ReadAllBytesAsync(Server["disk"]));
    }

    [SkippableFact]
    public async Task A_file_that_is_not_there_is_named()
    {
        Skip.If(_server is null, "OpenSSH's server is not installed");

        Assert.Equal(
            $"failed to open remote file '{Server["none"]}': SFTP server: No such file (sftp error code: 2)",
            await Client.OpenErrorAsync(Server.Options("none")));
    }

    [SkippableFact]
    public async Task A_node_for_reading_becomes_one_for_writing()
    {
        Skip.If(_server is null, "OpenSSH's server is not installed");
        var options = Server.Options("disk");
        await using var node = await Client.OpenAsync(options, readOnly: true);

        var step = await ((IReopenable)node).PrepareReopenAsync(new TestNodeContext(new TestPluginHost()), options, default);
        step.Commit();
        await node.WriteAsync(0, new byte[512]);
        await node.FlushAsync();

        Assert.Equal(new byte[512], (await File.ReadAllBytesAsync(Server["disk"]))[..512]);
    }

    [SkippableFact]
    public async Task A_server_that_cannot_flush_is_not_believed()
    {
        Skip.If(_server is null, "OpenSSH's server is not installed");
        await using var server = await SshServer.StartAsync("internal-sftp -P fsync");
        await File.WriteAllBytesAsync(server["disk"], Content);
        await using var node = await Client.OpenAsync(server.Options("disk"));
        await node.WriteAsync(0, new byte[512]);

        var error = await Assert.ThrowsAsync<BlockException>(() => node.FlushAsync());

        Assert.Equal("the SSH server does not support fsync (OpenSSH does from 6.3 on)", error.Message);
    }

    private async Task<BlockNode> OpenAsync()
    {
        Skip.If(_server is null, "OpenSSH's server is not installed");
        return await Client.OpenAsync(Server.Options("disk"));
    }
}
