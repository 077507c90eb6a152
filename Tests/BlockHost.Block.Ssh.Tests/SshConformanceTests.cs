// SPDX-License-Identifier: MIT
using BlockHost.Block.Ssh.Tests.RealServers;
using BlockHost.Conformance;
using BlockHost.Plugins.Block.Ssh;
using Xunit.Abstractions;

namespace BlockHost.Block.Ssh.Tests;

/// <summary>The kit on the driver.</summary>
public sealed class SshConformanceTests(ITestOutputHelper output)
{
    private const int Length = 1 << 20;

    [SkippableFact]
    public async Task It_is_a_sound_driver()
    {
        await (await SshServer.StartAsync()).DisposeAsync();

        var report = await ConformanceSuite.RunAsync(
            new BlockDriverSubject
            {
                Name = "ssh",
                Driver = new SshDriver(),
                PowerCut = false,
                CreateImage = async _ => await MakeAsync(),
            },
            new ConformanceOptions { Sequences = 2 });

        output.WriteLine(report.ToString());
        Assert.True(report.Passed, report.ToString());
    }

    private static async Task<SubjectImage> MakeAsync()
    {
        var server = await SshServer.StartAsync();
        await File.WriteAllBytesAsync(server["disk"], new byte[Length]);
        return new SubjectImage
        {
            Options = server.Options("disk"),
            Length = Length,
            StallTransport = server.FallSilent,
            Cleanup = server.DisposeAsync,
        };
    }
}
