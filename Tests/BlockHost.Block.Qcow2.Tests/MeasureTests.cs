// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Nodes;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins.Block.Qcow2;

namespace BlockHost.Block.Qcow2.Tests;

/// <summary>Measured sizes are those of qemu-img measure, for every option that changes them.</summary>
public sealed class MeasureTests
{
    private static readonly IImageMeasure Measure =
        new Qcow2Driver().TryGetFacet<IImageMeasure>(out var measure) ? measure : throw new InvalidOperationException();

    [Theory]
    [InlineData(0, "{}", 196608, 196608)]
    [InlineData(513, "{}", 327680, 393216)]
    [InlineData(1L << 30, "{}", 393216, 1074135040)]
    [InlineData(1L << 30, """{"cluster-size": 2097152}""", 10485760, 1084227584)]
    [InlineData(1L << 30, """{"extended-l2": true, "version": "v2"}""", 524288, 1074266112)]
    [InlineData(1L << 30, """{"preallocation": "full", "backing-file": "b"}""", 1074135040, 1074135040)]
    [InlineData(256L << 50, """{"cluster-size": 2097152}""", 1374400020480, 288231750551732224)]
    public async Task An_empty_image_needs_its_tables(long size, string options, long required, long full)
    {
        var measured = await Measure.MeasureAsync(Json(options, size), null, default);
        Assert.Equal(new ImageMeasure(required, full), measured);
    }

    [Theory]
    [InlineData("""{"cluster-size": 5120}""", "Cluster size must be a power of two between 512 and 2048k")]
    [InlineData(
        """{"cluster-size": 4096, "extended-l2": true}""",
        "Extended L2 entries are only supported with cluster sizes of at least 16384 bytes")]
    [InlineData("""{"refcount-bits": 3}""", "Refcount width must be a power of two and may not exceed 64 bits")]
    [InlineData("""{"preallocation": "foo"}""", "invalid parameter value: foo")]
    [InlineData("""{"version": "foo"}""", "Invalid compatibility level: 'foo'")]
    [InlineData(
        """{"cluster-size": 512, "size": 70368744177664}""", "The image size is too large (try using a larger cluster size)")]
    public async Task What_qemu_refuses_is_refused_in_its_words(string options, string message)
    {
        var e = await Assert.ThrowsAsync<BlockException>(
            async () => await Measure.MeasureAsync(Json(options, 1 << 20), null, default));
        Assert.Equal(message, e.Message);
    }

    [SkippableFact]
    public async Task Hundreds_of_combinations_of_options_measure_as_in_qemu()
    {
        QemuTools.Require();
        using var qemu = new QemuTools();
        var random = new Random(3);
        for (var i = 0; i < 100 * Seeds.Count; i++)
        {
            var (line, json) = RandomOptions(random);
            var size = random.NextInt64(1L << random.Next(10, 46));
            await CompareAsync(qemu, ["--size", $"{size}"], line, Json(json.ToJsonString(), size), null);
        }
    }

    [SkippableFact]
    public async Task A_source_counts_with_the_clusters_its_data_touches()
    {
        QemuTools.Require();
        using var qemu = new QemuTools();
        var random = new Random(4);
        qemu.Img("create", "-f", "qcow2", "-o", "cluster_size=4k", "a.qcow2", "40M");
        for (var i = 0; i < 30; i++)
            qemu.Io(
                "a.qcow2",
                $"write -P 1 {random.Next(30 << 20)} {1 + random.Next(random.Next(3) == 0 ? 1 << 20 : 9000)}",
                $"write -z {random.Next(30 << 20)} 64k");
        qemu.Run("qemu-img", ["bitmap", "--add", "-g", "4k", "a.qcow2", "one"]);
        qemu.Run("qemu-img", ["bitmap", "--add", "a.qcow2", "another"]);
        await using var disk = await TestDisk.OpenAsync(qemu.Load("a.qcow2"), readOnly: true);
        var source = new NodeChild(disk);
        for (var i = 0; i < 20 * Seeds.Count; i++)
        {
            var (line, json) = RandomOptions(random);
            await CompareAsync(qemu, ["-f", "qcow2", "a.qcow2"], line, Json(json.ToJsonString(), disk.Length), source);
        }
    }

    private static async Task CompareAsync(QemuTools qemu, string[] what, string line, JsonElement options, IBlockChild? source)
    {
        string[] arguments = ["measure", "--output=json", "-O", "qcow2", .. line.Length > 0 ? new[] { "-o", line } : [], .. what];
        var theirs = qemu.Run("qemu-img", arguments, 1);
        ImageMeasure ours;
        try
        {
            ours = await Measure.MeasureAsync(options, source, default);
        }
        catch (BlockException)
        {
            Assert.True(theirs.Length == 0, $"refused here only: {line}");
            return;
        }
        Assert.True(theirs.Length > 0, $"refused by qemu only: {line}");
        var expected = JsonDocument.Parse(theirs).RootElement;
        long? bitmaps = expected.TryGetProperty("bitmaps", out var number) ? number.GetInt64() : null;
        Assert.Equal(
            new ImageMeasure(expected.GetProperty("required").GetInt64(), expected.GetProperty("fully-allocated").GetInt64())
            { Bitmaps = bitmaps }, ours);
    }

    private static (string Line, JsonObject Json) RandomOptions(Random random)
    {
        var line = new List<string>();
        var json = new JsonObject();
        Add(0.7, "cluster_size", "cluster-size", 1 << random.Next(9, 22));
        Add(0.5, "refcount_bits", "refcount-bits", 1 << random.Next(7));
        AddFlag(0.4, "extended_l2", "extended-l2");
        AddText(0.3, "preallocation", "preallocation", new[] { "off", "metadata", "falloc", "full" }[random.Next(4)]);
        AddText(0.2, "backing_file", "backing-file", "base.raw");
        AddText(0.2, "data_file", "data-file", "data.raw");
        if (random.NextDouble() < 0.2)
        {
            line.Add("compat=0.10");
            json["version"] = "v2";
        }
        return (string.Join(',', line), json);

        void Add(double probability, string option, string member, int value)
        {
            if (random.NextDouble() >= probability) return;
            line.Add($"{option}={value}");
            json[member] = value;
        }

        void AddText(double probability, string option, string member, string value)
        {
            if (random.NextDouble() >= probability) return;
            line.Add($"{option}={value}");
            json[member] = value;
        }

        void AddFlag(double probability, string option, string member)
        {
            if (random.NextDouble() >= probability) return;
            line.Add($"{option}=on");
            json[member] = true;
        }
    }

    private static JsonElement Json(string options, long size)
    {
        var json = (JsonObject)JsonNode.Parse(options)!;
        if (!json.ContainsKey("size")) json["size"] = size;
        return JsonSerializer.SerializeToElement(json);
    }

    /// <summary>A node where a driver wants a child to look at.</summary>
    private sealed class NodeChild(TestDisk disk) : IBlockChild
    {
        public string Name => "source";
        public BlockChildRole Role => BlockChildRole.Data;
        public string NodeName => "source";
        public string DriverName => "qcow2";
        public string FileName => "a.qcow2";
        public BlockProfile Profile => disk.Node.Profile;
        public long Length => disk.Length;

        public ValueTask ReadAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken) =>
            disk.Node.ReadAsync(offset, target, flags, cancellationToken);

        public ValueTask<BlockStatus> GetStatusAsync(
            long offset, long bytes, StatusPrecision precision, CancellationToken cancellationToken) =>
            disk.Node.GetStatusAsync(offset, bytes, precision, cancellationToken);

        public ValueTask WriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken) =>
            throw new NotSupportedException();
        public ValueTask FlushAsync(CancellationToken cancellationToken) => throw new NotSupportedException();
        public ValueTask WriteZeroesAsync(long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken) =>
            throw new NotSupportedException();
        public ValueTask DiscardAsync(long offset, long bytes, CancellationToken cancellationToken) =>
            throw new NotSupportedException();
        public ValueTask ResizeAsync(long length, ResizeOptions options, CancellationToken cancellationToken) =>
            throw new NotSupportedException();

        public bool TryGetFacet<T>([System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out T? facet)
            where T : class => disk.Node.TryGetFacet(out facet);
    }
}
