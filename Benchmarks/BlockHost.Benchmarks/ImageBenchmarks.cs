// SPDX-License-Identifier: MIT
using BenchmarkDotNet.Attributes;
using BlockHost.Block;
using BlockHost.Block.Graph;

namespace BlockHost.Benchmarks;

/// <summary>4 KiB of a file in the page cache, plain and as an allocated cluster of a qcow2 image.</summary>
[MemoryDiagnoser]
public class ImageBenchmarks
{
    private const int Span = 16 * 1024 * 1024;

    private readonly byte[] _buffer = new byte[4096];
    private string _folder = "";
    private BenchmarkHost _host = null!;
    private IBlockQueue _file = null!;
    private IBlockQueue _qcow2 = null!;
    private long _offset;

    [GlobalSetup]
    public void Setup() => SetupAsync().GetAwaiter().GetResult();

    [GlobalCleanup]
    public void Cleanup()
    {
        _host.DisposeAsync().AsTask().GetAwaiter().GetResult();
        Directory.Delete(_folder, recursive: true);
    }

    [Benchmark(Baseline = true)]
    public ValueTask<IoStatus> ReadFile() => _file.ReadAsync(Next(), _buffer);

    [Benchmark]
    public ValueTask<IoStatus> ReadQcow2() => _qcow2.ReadAsync(Next(), _buffer);

    [Benchmark]
    public ValueTask<IoStatus> WriteFile() => _file.WriteAsync(Next(), _buffer);

    [Benchmark]
    public ValueTask<IoStatus> WriteQcow2() => _qcow2.WriteAsync(Next(), _buffer);

    private long Next() => _offset = (_offset + (37 * 4096)) % Span;

    private async Task SetupAsync()
    {
        _folder = Directory.CreateTempSubdirectory("benchmarks-").FullName;
        _host = await BenchmarkHost.StartAsync();
        _file = await FilledAsync("disk.raw", "", file => file);
        _qcow2 = await FilledAsync(
            "disk.qcow2",
            ",\"driver\":\"qcow2\"",
            file => $$"""{"driver":"qcow2","file":{{file}}}""");
    }

    private async Task<IBlockQueue> FilledAsync(string name, string format, Func<string, string> options)
    {
        var path = Path.Combine(_folder, name);
        var file = $$"""{"driver":"file","filename":"{{path}}"}""";
        using (var created = File.Create(path))
            created.SetLength(format.Length == 0 ? Span : 0);
        if (format.Length > 0)
            await _host.CreateAsync($$"""{"size":{{Span}},"file":{{file}}{{format}}}""");
        var queue = await _host.OpenAsync(options(file));
        var data = new byte[1024 * 1024];
        new Random(1).NextBytes(data);
        for (long offset = 0; offset < Span; offset += data.Length)
        {
            if (!(await queue.WriteAsync(offset, data)).IsOk)
                throw new InvalidOperationException($"Writing {path} failed");
        }

        return queue;
    }
}
