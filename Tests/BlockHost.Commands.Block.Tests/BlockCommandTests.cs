// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Nodes;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;
using Moq;

namespace BlockHost.Commands.Block.Tests;

/// <summary>Error texts are those of QEMU 7.2's storage daemon for the same mistake.</summary>
public sealed class BlockCommandTests
{
    private readonly CommandRig _rig = new();

    [Fact]
    public void The_plugin_provides_the_block_commands() => Assert.Equal(
        [
            "block-dirty-bitmap-add", "block-dirty-bitmap-clear", "block-dirty-bitmap-disable", "block-dirty-bitmap-enable",
            "block-dirty-bitmap-merge", "block-dirty-bitmap-remove", "block-set-write-threshold", "block_passwd", "block_resize",
            "blockdev-add", "blockdev-del", "blockdev-reopen", "blockdev-set-active", "blockdev-snapshot",
            "blockdev-snapshot-delete-internal-sync", "blockdev-snapshot-internal-sync", "blockdev-snapshot-sync", "change-backing-file", "query-block", "query-blockstats", "query-named-block-nodes",
            "x-blockdev-change", "x-blockdev-set-iothread", "x-blockhost-block-scsi", "x-blockhost-block-tray", "x-debug-block-dirty-bitmap-sha256", "x-debug-query-block-graph",
        ],
        _rig.CommandNames);

    [Fact]
    public async Task A_node_is_added_with_the_options_as_they_came()
    {
        await _rig.RunAsync("blockdev-add", """{"driver":"qcow2","node-name":"d","file":{"driver":"file","filename":"x"}}""");

        _rig.Graph.Verify(g => g.AddAsync(It.Is<JsonElement>(o => o.GetProperty("node-name").GetString() == "d"), default));
    }

    [Fact]
    public async Task The_older_form_makes_a_named_backend_and_moves_members_to_where_they_belong_today()
    {
        BlockdevRef reference = default;
        BackendOptions? backend = null;
        _rig.Graph.Setup(g => g.OpenAsync(It.IsAny<BlockdevRef>(), It.IsAny<BackendOptions>(), default))
            .Callback((BlockdevRef r, BackendOptions o, CancellationToken _) => (reference, backend) = (r, o));

        await _rig.RunAsync("blockdev-add", """
            {"options":{"driver":"qcow2","id":"disk","aio":"native","rerror":"report","werror":"enospc",
             "cache":{"writeback":false,"direct":true},"file":{"driver":"file","filename":"x"}}}
            """);

        Assert.Equal("disk", backend!.Name);
        Assert.True(backend.WriteThrough);
        Assert.True(JsonNode.DeepEquals(
            JsonNode.Parse(
                """{"driver":"qcow2","cache":{"direct":true},"file":{"driver":"file","filename":"x","aio":"native"}}"""),
            JsonNode.Parse(reference.Options.GetRawText())));
    }

    [Fact]
    public async Task A_resize_is_the_nodes_to_drain_for()
    {
        var depth = -1;
        var node = _rig.AddNode("d");
        node.Setup(n => n.ResizeAsync(4096, It.IsAny<ResizeOptions>(), default)).Callback(() => depth = _rig.DrainDepth);

        await _rig.RunAsync("block_resize", """{"node-name":"d","size":4096}""");

        Assert.Equal((0, 0), (depth, _rig.DrainDepth));
    }

    [Theory]
    [InlineData("block_resize", """{"node-name":"d","size":-1}""", "Parameter 'size' expects a >0 size")]
    [InlineData("block-set-write-threshold", """{"node-name":"nope","write-threshold":1}""", "Device 'nope' not found")]
    [InlineData(
        "change-backing-file",
        """{"device":"d","image-node-name":"d","backing-file":"x"}""",
        "not allowing backing file change on an image without a backing file")]
    [InlineData(
        "change-backing-file",
        """{"device":"d","image-node-name":"nope","backing-file":"x"}""",
        "Cannot find device='' nor node-name='nope'")]
    [InlineData(
        "change-backing-file",
        """{"device":"d","image-node-name":"other","backing-file":"x"}""",
        "'d' and image file are not in the same chain")]
    [InlineData("blockdev-snapshot-sync", """{"node-name":"d","snapshot-file":"s"}""", "New overlay node-name missing")]
    [InlineData(
        "blockdev-snapshot-sync",
        """{"node-name":"d","snapshot-file":"s","snapshot-node-name":"other"}""",
        "New overlay node-name already in use")]
    [InlineData("blockdev-snapshot", """{"node":"d","overlay":"raw"}""", "The overlay does not support backing images")]
    [InlineData("blockdev-snapshot", """{"node":"d","overlay":"other"}""", "The overlay already has a backing image")]
    public async Task A_mistake_is_refused_with_qemus_text(string command, string arguments, string message)
    {
        _rig.AddNode("d");
        _rig.AddNode("other", backing: _rig.AddNode("base"));
        _rig.AddNode("raw", "raw", supportsBacking: false);

        Assert.Equal(message, await _rig.FailAsync(command, arguments));
        Assert.Equal(0, _rig.DrainDepth);
    }

    [Fact]
    public async Task A_write_threshold_is_set_on_the_node()
    {
        var node = _rig.AddNode("d");

        await _rig.RunAsync("block-set-write-threshold", """{"node-name":"d","write-threshold":4096}""");

        Assert.Equal(4096, node.Object.WriteThreshold);
    }

    [Fact]
    public async Task Depth_and_backing_images_are_left_out_of_a_flat_query()
    {
        _rig.AddNode("top", backing: _rig.AddNode("mid", backing: _rig.AddNode("base")));

        var full = await QueryAsync("{}");
        var flat = await QueryAsync("""{"flat":true}""");

        Assert.Equal(2, full.GetProperty("backing_file_depth").GetInt32());
        Assert.Equal(
            "/images/base.img",
            full.GetProperty("image").GetProperty("backing-image").GetProperty("backing-image").GetProperty("filename")
                .GetString());
        Assert.Equal(0, flat.GetProperty("backing_file_depth").GetInt32());
        Assert.False(flat.GetProperty("image").TryGetProperty("backing-image", out _));
        Assert.Equal("/images/mid.img", flat.GetProperty("backing_file").GetString());
        Assert.Equal("/images/mid.img", flat.GetProperty("image").GetProperty("full-backing-filename").GetString());

        async Task<JsonElement> QueryAsync(string arguments) =>
            JsonDocument.Parse(await _rig.RunAsync("query-named-block-nodes", arguments)).RootElement.EnumerateArray().Last();
    }

    [Fact]
    public async Task A_snapshot_takes_the_overlay_back_when_it_cannot_be_put_on_top()
    {
        var overlay = new Mock<IImageFile>();
        overlay.Setup(image => image.Node).Returns(_rig.AddNode("over").Object);
        _rig.AddNode("d");
        _rig.Images.Setup(images => images.OpenAsync(It.IsAny<ImageFileOptions>(), default)).ReturnsAsync(overlay.Object);
        _rig.Graph.Setup(
            g =>
                g.AppendAsync(
                    It.IsAny<IGraphNode>(),
                    It.IsAny<IGraphNode>(),
                    default)).Throws(new BlockException(BlockErrorKind.Busy, "in use"));

        await Assert.ThrowsAsync<BlockException>(() =>
            _rig.RunAsync(
                "blockdev-snapshot-sync",
                """{"node-name":"d","snapshot-file":"s","snapshot-node-name":"s","mode":"existing"}"""));

        overlay.Verify(image => image.TakeBackAsync());
        Assert.Equal(0, _rig.DrainDepth);
    }

    [Fact]
    public async Task The_debug_graph_shows_each_link_with_its_permissions()
    {
        var file = _rig.AddNode("f", "file");
        var node = _rig.AddNode("d");
        var edge = new Mock<IGraphEdge>();
        edge.Setup(e => e.Name).Returns("file");
        edge.Setup(e => e.Parent).Returns(node.Object);
        edge.Setup(e => e.Child).Returns(file.Object);
        edge.Setup(
            e =>
                e.Permissions).Returns(new BlockPermissionSet(
                    BlockPermissions.ConsistentRead | BlockPermissions.Write, BlockPermissions.WriteUnchanged));
        node.Setup(n => n.Children).Returns([edge.Object]);

        var graph = await _rig.RunAsync("x-debug-query-block-graph", "{}");

        Assert.Equal(
            """
            {"nodes":[{"id":1,"type":"block-driver","name":"f"},{"id":2,"type":"block-driver","name":"d"}],"edges":[{"parent":2,"child":1,"name":"file","perm":["consistent-read","write"],"shared-perm":["write-unchanged"]}]}
            """,
            graph);
    }
}
