// SPDX-License-Identifier: MIT
using BlockHost.Block.Ftp.Tests.Fakes;

namespace BlockHost.Block.Ftp.Tests.RealServers;

/// <summary>Disks on vsftpd and pyftpdlib.</summary>
public sealed class FtpProgramTests
{
    private static readonly byte[] Content = Client.Noise((2 << 20) + 300);

    [SkippableFact]
    public async Task Pyftpdlib()
    {
        await using var server = await FtpProgram.PyftpdlibAsync();
        await ReadAllAsync(server, $"ftp://127.0.0.1:{server.Port}/disk", "{}");
    }

    [SkippableFact]
    public async Task Vsftpd()
    {
        await using var server = await FtpProgram.VsftpdAsync();
        await ReadAllAsync(server, $"ftp://127.0.0.1:{server.Port}/disk", "{}");
    }

    [SkippableFact]
    public async Task Vsftpd_with_TLS_that_is_asked_for()
    {
        await using var server = await FtpProgram.VsftpdAsync("ssl_enable=YES", "require_ssl_reuse=NO");
        await ReadAllAsync(
            server, $"ftps://127.0.0.1:{server.Port}/disk", """{"timeout": 50, "sslverify": false, "x-blockhost-explicit": true}""");
    }

    [SkippableFact]
    public async Task Vsftpd_with_TLS_from_the_first_byte()
    {
        await using var server = await FtpProgram.VsftpdAsync("ssl_enable=YES", "implicit_ssl=YES", "require_ssl_reuse=NO");
        await ReadAllAsync(server, $"ftps://127.0.0.1:{server.Port}/disk", """{"timeout": 50, "sslverify": false}""");
    }

    [SkippableFact]
    public async Task Vsftpd_that_wants_one_TLS_session_for_control_and_data()
    {
        await using var server = await FtpProgram.VsftpdAsync("ssl_enable=YES", "implicit_ssl=YES", "require_ssl_reuse=YES");
        await ReadAllAsync(server, $"ftps://localhost:{server.Port}/disk", """{"timeout": 50, "sslverify": false}""");
    }

    [SkippableFact]
    public async Task A_certificate_that_nobody_has_signed()
    {
        await using var server = await FtpProgram.VsftpdAsync("ssl_enable=YES", "implicit_ssl=YES");

        Assert.Equal(
            "CURL: Error opening file: server certificate verification failed",
            await Client.OpenErrorAsync($"ftps://127.0.0.1:{server.Port}/disk"));
    }

    [SkippableFact]
    public async Task A_file_that_is_not_there()
    {
        await using var server = await FtpProgram.VsftpdAsync();

        Assert.Equal(
            "CURL: Error opening file: The file does not exist",
            await Client.OpenErrorAsync($"ftp://127.0.0.1:{server.Port}/none"));
    }

    private static async Task ReadAllAsync(FtpProgram server, string url, string options)
    {
        await File.WriteAllBytesAsync(Path.Combine(server["files"], "disk"), Content);
        await using var node = await Client.OpenAsync(url, options);

        Assert.Equal(Content, (await node.ReadAsync(0, (int)node.Profile.Length))[..Content.Length]);
        Assert.Equal(Content[1_000_000..1_004_096], await node.ReadAsync(1_000_000, 4096));
        Assert.Equal(Content[..4096], await node.ReadAsync(0, 4096));
    }
}
