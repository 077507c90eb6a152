// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Oracle.Tests.Support;

namespace BlockHost.Oracle.Tests;

/// <summary>Commands take and return what is nested deeper than a serializer's own bounds.</summary>
public sealed class DeepJsonTests
{
    /// <summary>A serializer's own bound is 64. More costs as with QEMU, which shows the chain below each node.</summary>
    private const int Depth = 70;

    [Fact]
    public async Task A_chain_of_any_depth_is_added_in_one_command_and_shown_by_every_query()
    {
        await using var bed = await HostBed.StartAsync();
        using var images = new ImageChain(Depth);

        Check(await bed.ExecuteAsync($$"""{"execute": "blockdev-add", "arguments": {{images.Nested()}}}"""));

        var nodes = Check(await bed.ExecuteAsync("""{"execute": "query-named-block-nodes"}""")).AsArray();
        var top = nodes.Single(node => (string?)node!["node-name"] == "top")!;
        Assert.Equal(Depth, DepthOf(top["image"]!, "backing-image"));
        Check(await bed.ExecuteAsync("""{"execute": "query-named-block-nodes", "arguments": {"flat": true}}"""));
        Check(await bed.ExecuteAsync("""{"execute": "query-blockstats", "arguments": {"query-nodes": true}}"""));
    }

    [Fact]
    public async Task Nodes_that_stand_on_each_other_are_asked_once_each_by_a_query()
    {
        await using var bed = await HostBed.StartAsync();
        var nested = RawNodes("\"node-name\": \"top\", ");
        Check(await bed.ExecuteAsync($$"""{"execute": "blockdev-add", "arguments": {{nested}}}"""));

        var nodes = Check(await bed.ExecuteAsync("""{"execute": "query-named-block-nodes"}""")).AsArray();

        Assert.Equal(Depth + 1, nodes.Count);
    }

    [Fact]
    public async Task Options_nested_deeper_than_a_serializer_goes_by_itself_are_taken_from_a_json_name_too()
    {
        await using var bed = await HostBed.StartAsync();
        var named = JsonValue.Create("json:" + RawNodes("")).ToJsonString();

        await using var image = await bed.Graph.OpenAsync(
            BlockdevRef.New(JsonDocument.Parse($$"""{"filename": {{named}}}""").RootElement),
            new BackendOptions { Permissions = BlockPermissionSet.None, AllowFileNames = true },
            CancellationToken.None);

        Assert.Equal(1 << 20, image.Length);
    }

    /// <param name="top">More members of the topmost node.</param>
    private static string RawNodes(string top)
    {
        var options = new StringBuilder("""{"driver": "null-co", "size": 1048576}""");
        for (var i = 1; i <= Depth; i++)
            options.Insert(0, $$"""{"driver": "raw", {{(i == Depth ? top : "")}}"file": """).Append('}');
        return options.ToString();
    }

    private static int DepthOf(JsonNode image, string member)
    {
        var depth = 0;
        for (var next = image[member]; next is not null; next = next[member])
            depth++;
        return depth;
    }

    private static JsonNode Check(JsonNode answer) =>
        answer["return"] ?? throw new InvalidOperationException(answer.ToJsonString());

    /// <summary>Overlays over a base, none of which records its backing file.</summary>
    private sealed class ImageChain : IDisposable
    {
        private readonly string _folder = Directory.CreateTempSubdirectory("deep").FullName;
        private readonly int _overlays;

        public ImageChain(int overlays)
        {
            _overlays = overlays;
            for (var i = 0; i <= overlays; i++)
                QcowImage.Write(PathOf(i));
        }

        public string Nested()
        {
            var json = new StringBuilder(Overlay(0, "base") + "}");
            for (var i = 1; i <= _overlays; i++)
                json.Insert(0, Overlay(i, i == _overlays ? "top" : $"n{i}") + ", \"backing\": ").Append('}');
            return json.ToString();
        }

        public void Dispose() => Directory.Delete(_folder, recursive: true);

        private string Overlay(int layer, string name) =>
            $$"""{"driver": "qcow2", "node-name": "{{name}}", "file": {"driver": "file", "filename": "{{PathOf(layer)}}"} """;

        private string PathOf(int layer) => $"{_folder}/{layer}";
    }

    /// <summary>The smallest empty image: header, L1 table, refcount table and one refcount block.</summary>
    private static class QcowImage
    {
        private const int Cluster = 65536;

        public static void Write(string path)
        {
            var bytes = new byte[4 * Cluster];
            void Big32(int at, uint value) => BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(at), value);
            void Big64(int at, ulong value) => BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(at), value);
            Big32(0, 0x514649fb);
            Big32(4, 3);
            Big32(20, 16);
            Big64(24, 1 << 20);
            Big32(36, 1);
            Big64(40, 3 * Cluster);
            Big64(48, Cluster);
            Big32(56, 1);
            Big32(96, 4);
            Big32(100, 104);
            Big64(Cluster, 2 * Cluster);
            for (var i = 0; i < 4; i++)
                bytes[2 * Cluster + 2 * i + 1] = 1;
            File.WriteAllBytes(path, bytes);
        }
    }
}
