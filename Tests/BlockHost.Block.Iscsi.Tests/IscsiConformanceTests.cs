// SPDX-License-Identifier: MIT
using BlockHost.Block.Iscsi.Tests.RealServers;
using BlockHost.Conformance;
using BlockHost.Plugins.Block.Iscsi;
using Xunit.Abstractions;

namespace BlockHost.Block.Iscsi.Tests;

/// <summary>The kit on the driver.</summary>
public sealed class IscsiConformanceTests(ITestOutputHelper output)
{
    private const int Length = 1 << 20;

    [SkippableTheory]
    [InlineData("", "{}")]
    [InlineData("thin_provisioning=1", """{"header-digest":"crc32c","x-blockhost-data-digest":"crc32c"}""")]
    public async Task It_is_a_sound_driver(string parameters, string more)
    {
        await (await TgtServer.StartAsync()).DisposeAsync();

        var report = await ConformanceSuite.RunAsync(
            new BlockDriverSubject
            {
                Name = "iscsi",
                Driver = new IscsiDriver(),
                PowerCut = false,
                Resizable = false,
                CreateImage = async _ => await MakeAsync(parameters, more),
            },
            new ConformanceOptions { Sequences = 2 });

        output.WriteLine(report.ToString());
        Assert.True(report.Passed, report.ToString());
    }

    private static async Task<SubjectImage> MakeAsync(string parameters, string more)
    {
        var server = await TgtServer.StartAsync();
        server.AddDisk(1, Length, parameters);
        return new SubjectImage
        {
            Options = server.Options(1, more),
            Length = Length,
            StallTransport = server.FallSilent,
            Cleanup = server.DisposeAsync,
        };
    }
}
