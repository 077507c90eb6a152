// SPDX-License-Identifier: MIT
using BlockHost.Block.Http.Tests.Fakes;
using BlockHost.Conformance;
using BlockHost.Plugins.Block.Http;
using Xunit.Abstractions;

namespace BlockHost.Block.Http.Tests;

/// <summary>The kit on the driver.</summary>
public sealed class HttpConformanceTests(ITestOutputHelper output)
{
    private const int Length = 1 << 20;

    [Fact]
    public Task As_it_comes() => ProveAsync("plain", _ => "{}");

    [Fact]
    public Task Nothing_is_read_ahead() => ProveAsync("no read-ahead", _ => """{"readahead": 0}""");

    [Fact]
    public Task With_a_cache_file() =>
        ProveAsync("cached", folder => $$"""{"x-blockhost-cache-file": "{{Path.Combine(folder, "cache")}}"}""");

    private async Task ProveAsync(string name, Func<string, string> options)
    {
        var report = await ConformanceSuite.RunAsync(
            new BlockDriverSubject
            {
                Name = $"http, {name}",
                Driver = new HttpDriver(),
                ReadOnly = true,
                Resizable = false,
                PowerCut = false,
                CreateImage = _ => new(Make(options)),
            },
            new ConformanceOptions { Sequences = 4 });

        output.WriteLine(report.ToString());
        Assert.True(report.Passed, report.ToString());
    }

    private static SubjectImage Make(Func<string, string> options)
    {
        var content = Client.Noise(Length);
        var server = new WebServer(content);
        var folder = Directory.CreateTempSubdirectory("http").FullName;
        return new SubjectImage
        {
            Options = Client.Options(server.Url, options(folder)),
            Length = Length,
            Content = content,
            StallTransport = server.FallSilent,
            Cleanup = () =>
            {
                Directory.Delete(folder, recursive: true);
                return server.DisposeAsync();
            },
        };
    }
}
