// SPDX-License-Identifier: MIT
namespace BlockHost.Block.Iscsi.Tests.RealServers;

/// <summary>QEMU's driver and ours on one target, in turns: what one writes the other reads.</summary>
public sealed class QemuParityTests
{
    [SkippableFact]
    public async Task What_one_writes_the_other_reads()
    {
        Skip.IfNot(InstalledPrograms.Has("qemu-io"), "qemu-io is not installed");
        await using var server = await TgtServer.StartAsync();
        server.AddDisk(1, 1 << 20, "thin_provisioning=1");
        Skip.If(
            TgtServer.Run("qemu-img", "info", server.Url(1)).Said.Contains("Unknown protocol", StringComparison.Ordinal),
            "qemu-block-extra is not installed");
        var content = Client.Noise(1 << 20);
        await using (var node = await Client.OpenAsync(server.Options(1)))
        {
            await node.WriteAsync(0, content);
            await node.FlushAsync();
        }

        Qemu(server, "write -P 7 64k 64k", "write -z 256k 64k", "discard 512k 64k", "flush");
        content.AsSpan(64 << 10, 64 << 10).Fill(7);
        content.AsSpan(256 << 10, 64 << 10).Clear();
        content.AsSpan(512 << 10, 64 << 10).Clear();
        await using (var node = await Client.OpenAsync(server.Options(1)))
        {
            Assert.Equal(content, await node.ReadAsync(0, content.Length));
            await node.WriteAsync(4096, new byte[4096]);
            await node.FlushAsync();
        }

        Qemu(server, "read -P 0 4k 4k", "read -P 7 64k 64k", "read -P 0 256k 64k");
        Assert.Equal(0, TgtServer.Run("qemu-img", "compare", "-f", "raw", "-F", "raw", server.Url(1), server["disk1"]).Code);
    }

    private static void Qemu(TgtServer server, params string[] commands)
    {
        string[] arguments = [
            "-f", "raw", "-d", "unmap", .. commands.SelectMany(command => new[] { "-c", command }), server.Url(1)];
        var (code, said) = TgtServer.Run("qemu-io", arguments);
        Assert.True(code == 0 && !said.Contains("failed", StringComparison.Ordinal), said);
    }
}
