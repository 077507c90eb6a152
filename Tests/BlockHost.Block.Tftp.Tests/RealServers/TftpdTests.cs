// SPDX-License-Identifier: MIT
using System.Diagnostics;
using BlockHost.Block.Tftp.Tests.Fakes;

namespace BlockHost.Block.Tftp.Tests.RealServers;

/// <summary>A disk on tftpd-hpa.</summary>
public sealed class TftpdTests
{
    private const string Program = "/usr/sbin/in.tftpd";

    [SkippableTheory]
    [InlineData("{}")]
    [InlineData("""{"blksize": 512}""")]
    [InlineData("""{"blksize": 16}""")]
    public async Task All_of_a_disk(string options)
    {
        Skip.IfNot(File.Exists(Program), "tftpd-hpa is not installed");
        Skip.IfNot(Environment.UserName == "root", "tftpd-hpa is started by root only");
        var content = Client.Noise((1 << 20) + 300);
        var folder = Directory.CreateTempSubdirectory("tftp").FullName;
        File.SetUnixFileMode(folder, (UnixFileMode)0b111_101_101);
        await File.WriteAllBytesAsync(Path.Combine(folder, "disk"), content);
        var port = Ports.FreeUdp();
        using var server = Process.Start(Program, ["-L", "-4", "-a", $"127.0.0.1:{port}", "-s", folder]);
        try
        {
            await using var node = await Client.OpenAsync($"tftp://127.0.0.1:{port}/disk", options);

            Assert.Equal(content, (await node.ReadAsync(0, (int)node.Profile.Length))[..content.Length]);
            Assert.StartsWith(
                "TFTP: Error opening file: The server refuses (1)", await Client.OpenErrorAsync($"tftp://127.0.0.1:{port}/none"));
        }
        finally
        {
            server.Kill(entireProcessTree: true);
            await server.WaitForExitAsync();
            Directory.Delete(folder, recursive: true);
        }
    }
}
