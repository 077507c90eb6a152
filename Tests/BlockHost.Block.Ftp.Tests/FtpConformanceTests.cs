// SPDX-License-Identifier: MIT
using BlockHost.Block.Ftp.Tests.Fakes;
using BlockHost.Conformance;
using BlockHost.Plugins.Block.Ftp;
using Xunit.Abstractions;

namespace BlockHost.Block.Ftp.Tests;

/// <summary>The kit on the driver.</summary>
public sealed class FtpConformanceTests(ITestOutputHelper output)
{
    private const int Length = 1 << 20;

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"x-blockhost-connections": 4}""")]
    public async Task It_is_a_sound_driver(string options)
    {
        var report = await ConformanceSuite.RunAsync(
            new BlockDriverSubject
            {
                Name = $"ftp, {options}",
                Driver = new FtpDriver(),
                ReadOnly = true,
                Resizable = false,
                PowerCut = false,
                CreateImage = _ => new(Make(options)),
            },
            new ConformanceOptions { Sequences = 3 });

        output.WriteLine(report.ToString());
        Assert.True(report.Passed, report.ToString());
    }

    private static SubjectImage Make(string options)
    {
        var content = Client.Noise(Length);
        var server = new FileServer(content);
        return new SubjectImage
        {
            Options = Client.Options(server.Url, options),
            Length = Length,
            Content = content,
            StallTransport = server.FallSilent,
            Cleanup = server.DisposeAsync,
        };
    }
}
