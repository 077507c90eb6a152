// SPDX-License-Identifier: MIT
using System.Diagnostics;

namespace BlockHost.Block.Ftp.Tests.RealServers;

/// <summary>vsftpd or pyftpdlib, serving a folder of its own to anybody.</summary>
internal sealed class FtpProgram : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private Process? _process;

    private FtpProgram()
    {
        Directory.CreateDirectory(this["files"]);
        foreach (var folder in new[] { Folder, this["files"] })
            File.SetUnixFileMode(folder, (UnixFileMode)0b111_101_101);
    }

    public string Folder { get; } = Directory.CreateTempSubdirectory("ftp").FullName;

    public int Port { get; } = Ports.Free();

    public string this[string name] => Path.Combine(Folder, name);

    /// <param name="more">Lines of its configuration.</param>
    public static async Task<FtpProgram> VsftpdAsync(params string[] more)
    {
        const string program = "/usr/sbin/vsftpd";
        Skip.IfNot(File.Exists(program), "vsftpd is not installed");
        Skip.IfNot(Environment.UserName == "root", "vsftpd is started by root only");
        var server = new FtpProgram();
        Directory.CreateDirectory(server["empty"]);
        TestAuthority.WriteSelfSigned(server.Folder);
        await File.WriteAllLinesAsync(server["conf"], [
            "listen=YES", "listen_address=127.0.0.1", $"listen_port={server.Port}", "background=NO", "seccomp_sandbox=NO",
            "anonymous_enable=YES", $"anon_root={server["files"]}", $"secure_chroot_dir={server["empty"]}",
            $"rsa_cert_file={server["cert.pem"]}", $"rsa_private_key_file={server["key.pem"]}", "allow_anon_ssl=YES", .. more]);
        await server.StartAsync(program, server["conf"]);
        return server;
    }

    public static async Task<FtpProgram> PyftpdlibAsync()
    {
        Skip.IfNot(File.Exists("/usr/lib/python3/dist-packages/pyftpdlib/__init__.py"), "python3-pyftpdlib is not installed");
        var server = new FtpProgram();
        await server.StartAsync(
            "/usr/bin/python3", "-m", "pyftpdlib", "-i", "127.0.0.1", "-p", $"{server.Port}", "-d", server["files"]);
        return server;
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is { HasExited: false })
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
        }

        Directory.Delete(Folder, recursive: true);
    }

    private async Task StartAsync(string program, params string[] arguments)
    {
        _process = Process.Start(
            new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        var said = _process.StandardOutput.ReadToEndAsync();
        _ = _process.StandardError.ReadToEndAsync();
        for (var clock = Stopwatch.StartNew(); !await Ports.AnswersAsync(Port); await Task.Delay(20))
            Assert.True(!_process.HasExited && clock.Elapsed < Patience, _process.HasExited ? await said : "not ready");
    }
}
