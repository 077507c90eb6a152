// SPDX-License-Identifier: MIT
using BenchmarkDotNet.Attributes;
using BlockHost.Block;
using BlockHost.Block.Bitmaps;
using BlockHost.Block.Graph;

namespace BlockHost.Benchmarks;

/// <summary>4 KiB writes that cost nothing at their end, on nodes without bitmaps and with one that records.</summary>
[MemoryDiagnoser]
public class BitmapBenchmarks
{
    private const long Size = 1L << 40;

    private readonly byte[] _buffer = new byte[4096];
    private BenchmarkHost _host = null!;
    private IBlockQueue _plain = null!;
    private IBlockQueue _recorded = null!;
    private IBlockQueue _forgetful = null!;
    private IDirtyBitmap _cleared = null!;
    private long _at;

    [GlobalSetup]
    public void Setup() => SetupAsync().GetAwaiter().GetResult();

    [GlobalCleanup]
    public void Cleanup() => _host.DisposeAsync().AsTask().GetAwaiter().GetResult();

    [Benchmark(Baseline = true)]
    public ValueTask<IoStatus> WithoutBitmaps() => _plain.WriteAsync(Next(), _buffer);

    /// <summary>All over a TiB: most units are dirty already after a while.</summary>
    [Benchmark]
    public ValueTask<IoStatus> Recorded() => _recorded.WriteAsync(Next(), _buffer);

    /// <summary>Every write finds its unit clean, as behind a job that copies.</summary>
    [Benchmark]
    public ValueTask<IoStatus> RecordedIntoCleanUnits()
    {
        _cleared.Reset(1 << 20, 4096);
        return _forgetful.WriteAsync(1 << 20, _buffer);
    }

    private long Next() => _at = (_at + (37L << 20)) & (Size - 1);

    private async Task SetupAsync()
    {
        _host = await BenchmarkHost.StartAsync();
        _plain = await OpenAsync("plain");
        _recorded = await OpenAsync("recorded");
        await AddAsync("recorded");
        _forgetful = await OpenAsync("forgetful");
        _cleared = await AddAsync("forgetful");
    }

    private Task<IBlockQueue> OpenAsync(string name) =>
        _host.OpenAsync($$"""{"driver":"null-co","node-name":"{{name}}","size":{{Size}}}""");

    private async Task<IDirtyBitmap> AddAsync(string node) =>
        await _host.Graph.Lookup(null, node).DirtyBitmaps.AddAsync(new() { Name = "b" }, CancellationToken.None);
}
