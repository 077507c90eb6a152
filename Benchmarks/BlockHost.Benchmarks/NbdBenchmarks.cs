// SPDX-License-Identifier: MIT
using BenchmarkDotNet.Attributes;
using BlockHost.Nbd;
using BlockHost.Plugins.Export.Nbd.Protocol;

namespace BlockHost.Benchmarks;

/// <summary>Parsing the header of one NBD request.</summary>
[MemoryDiagnoser]
public class NbdBenchmarks
{
    private readonly byte[] _header = Convert.FromHexString("25609513000000000000000000000001000000000000100000001000");

    [Benchmark]
    public bool ParseRequest() => NbdRequest.TryParse(_header, out _);
}
