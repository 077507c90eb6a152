// SPDX-License-Identifier: MIT
using BlockHost.JobTypes.Tests.Faults;

namespace BlockHost.JobTypes.Tests;

/// <summary>What jobs have under way at a time stays within what a user allows: buffers are as many as bytes in flight.</summary>
public sealed class JobMemoryTests
{
    private const int Size = 16 << 20;

    [Theory]
    [InlineData(128 << 10)]
    [InlineData(1 << 20)]
    [InlineData(4 << 20)]
    public Task A_mirror_keeps_to_its_buffer_size(int size) => CheckAsync(
        "blockdev-mirror", $"\"granularity\":65536,\"buf-size\":{size}", size);

    [Theory]
    [InlineData(1, 65536)]
    [InlineData(3, 131072)]
    [InlineData(16, 1 << 20)]
    public Task A_backup_keeps_to_its_workers(int workers, int chunk) => CheckAsync(
        "blockdev-backup", $$"""
            "x-perf":{"max-workers":{{workers}},"max-chunk":{{chunk}}}
            """, (long)workers * chunk);

    private static async Task CheckAsync(string command, string more, long most)
    {
        var disks = new FaultPlugin(seed: 5);
        var data = new byte[Size];
        new Random(5).NextBytes(data);
        disks["s"].Image.Write(0, data);
        disks["t"].Image.Resize(Size);
        await using var bed = await FaultBed.StartAsync(disks);
        foreach (var node in new[] { "s", "t" })
            await bed.ExecuteAsync("blockdev-add", $$"""
                "driver":"raw","node-name":"{{node}}","file":{"driver":"fault","filename":"{{node}}"}
                """);

        disks.Traffic.StartOver();
        await bed.ExecuteAsync(command, $"\"job-id\":\"j\",\"device\":\"s\",\"target\":\"t\",\"sync\":\"full\",{more}");
        if (await bed.UntilAsync(job => job.IsReady, TimeSpan.FromSeconds(30)) is not null)
            await bed.ExecuteAsync("block-job-cancel", "\"device\":\"j\"");
        await bed.UntilAsync(_ => false, TimeSpan.FromSeconds(30));

        Assert.Equal(data, disks["t"].Image.Read(0, Size));
        Assert.InRange(disks.Traffic.Most, Math.Min(most, 2 * 65536) / 2, most);
    }
}
