// SPDX-License-Identifier: MIT
using BenchmarkDotNet.Attributes;
using BlockHost.Block;

namespace BlockHost.Benchmarks;

/// <summary>Slicing and walking the memory of one request.</summary>
[MemoryDiagnoser]
public class SliceBenchmarks
{
    private readonly IoVector _vector = new(8);
    private readonly byte[] _buffer = new byte[4096];

    [GlobalSetup]
    public void Setup()
    {
        for (var i = 0; i < 8; i++)
            _vector.Add(new byte[512]);
    }

    [Benchmark]
    public long SliceOfOneBuffer() => new IoSlice(_buffer).Slice(512, 2048).Length;

    [Benchmark]
    public int WalkSliceOfEightSegments()
    {
        var bytes = 0;
        foreach (var segment in _vector.All.Slice(100, 3000))
            bytes += segment.Length;
        return bytes;
    }
}
