// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Text.RegularExpressions;

namespace BlockHost.Block.Http.Tests.RealServers;

/// <summary>URLs where tools take images: our output is that of QEMU's tools.</summary>
public sealed partial class ToolTests(WebProgram server) : IClassFixture<WebProgram>
{
    [SkippableTheory]
    [InlineData("qemu-img", "info", "{url}/disk")]
    [InlineData("qemu-img", "info", "--output=json", "{url}/disk")]
    [InlineData("qemu-img", "info", "{url}/disk.qcow2")]
    [InlineData("qemu-img", "info", "--backing-chain", "{folder}/over.qcow2")]
    [InlineData("qemu-img", "info", "{url}/none")]
    [InlineData("qemu-img", "info", "{url}/whole/disk")]
    [InlineData("qemu-img", "info", "{url}/away")]
    [InlineData("qemu-img", "info", "http://127.0.0.1:1/disk")]
    [InlineData("qemu-img", "info", "http://nowhere.invalid/disk")]
    [InlineData("qemu-img", "info", "json:{'driver':'http'}")]
    [InlineData("qemu-img", "info", "json:{'driver':'http','url':'{url}/disk','username':'me','cookie':'a=b'}")]
    [InlineData("qemu-img", "info", "json:{'driver':'http','url':'{url}/disk','timeout':20000}")]
    [InlineData("qemu-img", "info", "json:{'driver':'https','url':'{tls}/disk','sslverify':'off'}")]
    [InlineData("qemu-img", "info", "--image-opts", "driver=http,url={url}/disk,readahead=64k")]
    [InlineData("qemu-img", "map", "--output=json", "{url}/disk.qcow2")]
    [InlineData("qemu-img", "map", "{folder}/over.qcow2")]
    [InlineData("qemu-img", "measure", "-O", "qcow2", "{url}/disk.qcow2")]
    [InlineData("qemu-img", "check", "{url}/disk.qcow2")]
    [InlineData("qemu-img", "create", "-f", "raw", "{url}/new", "1M")]
    [InlineData("qemu-img", "resize", "-f", "raw", "{url}/disk", "2M")]
    [InlineData("qemu-img", "compare", "-f", "raw", "{url}/disk", "-F", "qcow2", "{url}/disk.qcow2")]
    [InlineData("qemu-io", "-r", "-f", "raw", "-c", "length", "-c", "read -q -P 0x5a 0 1M", "{url}/disk")]
    [InlineData("qemu-io", "-r", "-f", "raw", "-c", "read -q -P 0 0 1M", "{url}/disk")]
    [InlineData("qemu-io", "-c", "read -q -P 0x5a 64k 64k", "{folder}/over.qcow2")]
    [InlineData("qemu-io", "-f", "raw", "-c", "write -q 0 512", "{url}/disk")]
    public async Task As_QEMUs(string program, params string[] arguments)
    {
        await PrepareAsync();
        var words = arguments.Select(
            word => word.Replace("{url}", server.Url, StringComparison.Ordinal)
                .Replace("{tls}", server.TlsUrl, StringComparison.Ordinal)
                .Replace("{folder}", server.Folder, StringComparison.Ordinal)).ToArray();

        var theirs = await RunAsync(program, words);
        var ours = await RunAsync(SourceTree.Program(program), words);

        Assert.Equal(theirs, ours);
    }

    private async Task PrepareAsync()
    {
        Skip.IfNot(WebProgram.IsInstalled, "nginx is not installed");
        Skip.IfNot(
            InstalledPrograms.Has("qemu-img") && Directory.EnumerateFiles("/usr/lib", "block-curl.so", new EnumerationOptions
            { RecurseSubdirectories = true, MaxRecursionDepth = 2, IgnoreInaccessible = true }).Any(),
            "qemu-img with its curl driver is not installed");
        if (File.Exists(server["over.qcow2"]))
            return;
        var disk = new byte[1 << 20];
        Array.Fill(disk, (byte)0x5a);
        var file = Path.Combine(server["www"], "disk");
        await File.WriteAllBytesAsync(file, disk);
        Assert.Equal("0 ", await RunAsync("qemu-img", "convert", "-f", "raw", "-O", "qcow2", file, file + ".qcow2"));
        Assert.Equal("0 ", await RunAsync(
            "qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", $"{server.Url}/disk", server["over.qcow2"]));
    }

    /// <returns>The exit code and all that it printed, but for QEMU's quarrels with its own library, and for times.</returns>
    private static async Task<string> RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(
            new ProcessStartInfo(program, arguments) { RedirectStandardError = true, RedirectStandardOutput = true })!;
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        await process.WaitForExitAsync();
        var lines = (await output + await errors).Split('\n').Where(line => !line.Contains("GLib", StringComparison.Ordinal));
        return $"{process.ExitCode} {Milliseconds().Replace(string.Join('\n', lines), "after N ms")}";
    }

    [GeneratedRegex(@"after \d+ ms")]
    private static partial Regex Milliseconds();
}
