// SPDX-License-Identifier: MIT
using System.Diagnostics;
using BlockHost.Export.Nbd.Tests.Fakes;
using BlockHost.Plugins.Export.Nbd;

namespace BlockHost.Export.Nbd.Tests;

/// <summary>Programs that people use, against the server.</summary>
[Trait("speed", "slow")]
public sealed class RealClientTests
{
    [SkippableFact]
    public async Task Nbdinfo_shows_the_export()
    {
        await using var disk = await ServedDisk.StartAsync(
            options: new NbdExportOptions { Description = "boot", AllocationDepth = true });

        var info = await RunAsync("nbdinfo", "--json", disk.Uri);

        Assert.Contains("\"description\": \"boot\"", info);
        Assert.Contains("\"export-size\": 1048576", info);
        Assert.Contains("qemu:allocation-depth", info);
        Assert.Contains("\"can_fast_zero\": true", info);
    }

    [SkippableFact]
    public async Task Nbdinfo_maps_data_and_holes()
    {
        await using var disk = await ServedDisk.StartAsync(new MemoryBackend(1 << 20) { HoleFrom = 65536 });

        var map = await RunAsync("nbdinfo", "--map", disk.Uri);

        Assert.Matches(@"\s0\s+65536\s+0\s+data\s+65536\s+983040\s+3\s+hole,zero", map);
    }

    [SkippableTheory]
    [InlineData("--connections=1")]
    [InlineData("--connections=4")]
    public async Task Nbdcopy_copies_out_and_in(string connections)
    {
        var backend = new MemoryBackend(24 << 20);
        new Random(2).NextBytes(backend.Data);
        await using var source = await ServedDisk.StartAsync(backend);
        await using var target = await ServedDisk.StartAsync(new MemoryBackend(24 << 20));

        await RunAsync("nbdcopy", connections, "--flush", source.Uri, target.Uri);

        Assert.True(backend.Data.AsSpan().SequenceEqual(target.Backend.Data));
    }

    [SkippableFact]
    public async Task Qemu_io_writes_zeroes_discards_and_reads_back()
    {
        await using var disk = await ServedDisk.StartAsync(new MemoryBackend(8 << 20));

        var output = await RunAsync(
            "qemu-io", "-f", "raw", disk.Uri, "-c", "write -P 0xab 1M 5M", "-c", "write -z -u 2M 64k", "-c", "discard 3M 64k", "-c", "flush",
            "-c", "read -P 0xab 1M 1M", "-c", "read -P 0 2M 64k", "-c", "write -f -P 0xcd 0 512", "-c", "read -P 0xcd 0 512");

        Assert.DoesNotContain("failed", output);
        Assert.Equal(0xcd, disk.Backend.Data[511]);
        Assert.Contains(disk.Backend.Log, entry => entry.StartsWith("zero 2097152+65536 MayUnmap", StringComparison.Ordinal));
        Assert.Contains("discard 3145728+65536", disk.Backend.Log);
    }

    [SkippableFact]
    public async Task Qemu_img_compares_two_exports()
    {
        await using var disk = await ServedDisk.StartAsync(new MemoryBackend(8 << 20));
        new Random(3).NextBytes(disk.Backend.Data);
        disk.Add("copy", disk.Backend);

        Assert.Contains(
            "Images are identical",
            await RunAsync("qemu-img", "compare", "-f", "raw", "-F", "raw", disk.Uri, disk.Uri.Replace("disk", "copy")));
    }

    [SkippableFact]
    public async Task Fio_verifies_what_it_wrote()
    {
        await using var disk = await ServedDisk.StartAsync(new MemoryBackend(16 << 20));

        var output = await RunAsync(
            "fio", "--name=check", "--ioengine=nbd", $"--uri={disk.Uri}", "--rw=randwrite", "--bsrange=512-128k", "--iodepth=16", "--size=16m",
            "--verify=crc32c", "--verify_fatal=1", "--do_verify=1");

        Assert.Contains("err= 0", output);
    }

    private static async Task<string> RunAsync(string program, params string[] arguments)
    {
        Skip.IfNot(InstalledPrograms.Has(program), $"{program} is not installed");
        var start = new ProcessStartInfo(program)
        { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = Path.GetTempPath() };
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        using var process = Process.Start(start)!;
        var (output, errors) = (process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync());
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        try
        {
            await process.WaitForExitAsync(limit.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
        }

        var all = await output + await errors;
        Assert.True(process.ExitCode == 0, all);
        return all;
    }
}
