// SPDX-License-Identifier: MIT
using BenchmarkDotNet.Attributes;
using BlockHost.Block;
using BlockHost.Block.Graph;

namespace BlockHost.Benchmarks;

/// <summary>A 4 KiB read that costs nothing at its end: what the queue, the graph and raw add.</summary>
[MemoryDiagnoser]
public class LayerBenchmarks
{
    private readonly byte[] _buffer = new byte[4096];
    private BenchmarkHost _host = null!;
    private IBlockQueue _null = null!;
    private IBlockQueue _raw = null!;

    [GlobalSetup]
    public void Setup() => SetupAsync().GetAwaiter().GetResult();

    [GlobalCleanup]
    public void Cleanup() => _host.DisposeAsync().AsTask().GetAwaiter().GetResult();

    [Benchmark(Baseline = true)]
    public ValueTask<IoStatus> QueueAndNode() => _null.ReadAsync(4096, _buffer);

    [Benchmark]
    public ValueTask<IoStatus> QueueRawAndChild() => _raw.ReadAsync(4096, _buffer);

    private async Task SetupAsync()
    {
        _host = await BenchmarkHost.StartAsync();
        _null = await _host.OpenAsync("""{"driver":"null-co","size":1073741824}""");
        _raw = await _host.OpenAsync("""{"driver":"raw","file":{"driver":"null-co","size":1073741824}}""");
    }
}
