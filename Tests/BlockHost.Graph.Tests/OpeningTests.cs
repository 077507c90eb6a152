// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Core.Block.Opening;
using BlockHost.Graph.Tests.Fakes;

namespace BlockHost.Graph.Tests;

public sealed class OpeningTests
{
    [Theory]
    [InlineData("{'driver':'memory'}", "'node-name' must be specified for the root node")]
    [InlineData("{'driver':'memory','node-name':'1disk'}", "Invalid node-name: '1disk'")]
    [InlineData("{'driver':'memory','node-name':'bad name'}", "Invalid node-name: 'bad name'")]
    [InlineData("{'driver':'memory','node-name':'toolong8901234567890123456789012'}", "Node name too long")]
    [InlineData("{'driver':'nope','node-name':'disk'}", "Parameter 'driver' does not accept value 'nope'")]
    [InlineData("{'driver':'memory','node-name':'disk','bogus':1}", "Parameter 'bogus' is unexpected")]
    [InlineData("{'driver':'layer','node-name':'disk'}", "Parameter 'file' is missing")]
    [InlineData("{'driver':'layer','node-name':'disk','file':'nope'}", "Cannot find device='nope' nor node-name='nope'")]
    [InlineData(
        "{'driver':'memory','node-name':'disk','detect-zeroes':'unmap'}",
        "setting detect-zeroes to unmap is not allowed without setting discard operation to unmap")]
    [InlineData(
        "{'driver':'memory','node-name':'disk','force-share':true}", "force-share=on can only be used with read-only images")]
    public async Task A_definition_that_cannot_be_opened_is_refused_as_QEMU_does(string options, string message)
    {
        await using var graph = new TestGraph();
        var error = await Assert.ThrowsAsync<BlockException>(() => graph.AddAsync(options));
        Assert.Equal(message, error.Message);
        Assert.Empty(graph.Graph.Nodes);
        Assert.Equal(0, graph.Leases);
    }

    [Fact]
    public async Task What_bears_the_magic_of_a_format_is_never_taken_for_another()
    {
        await using var graph = new TestGraph { Magic = { [(byte)'L'] = "layer", [(byte)'A'] = "absent" } };
        Assert.Equal("layer", await GuessAsync("L: a version that its driver does not know"));
        Assert.Equal("absent", await GuessAsync("A: a driver that is not there"));
        Assert.Equal("raw", await GuessAsync("anything"));
        Assert.Equal("raw", await GuessAsync(""));

        async Task<string> GuessAsync(string head) =>
            await FormatProbing.GuessAsync(graph, System.Text.Encoding.UTF8.GetBytes(head), null, CancellationToken.None);
    }

    [Fact]
    public async Task Where_no_driver_takes_any_image_an_unknown_one_is_refused()
    {
        await using var graph = new TestGraph { FormatOfAnything = null };

        var error = await Assert.ThrowsAsync<BlockException>(
            async () => await FormatProbing.GuessAsync(graph, new byte[512], null, CancellationToken.None));

        Assert.Equal("Could not determine the image's format: no block driver knows it", error.Message);
    }

    [Fact]
    public async Task A_name_in_use_is_refused()
    {
        await using var graph = new TestGraph();
        await graph.AddAsync("{'driver':'memory','node-name':'disk'}");
        var error = await Assert.ThrowsAsync<BlockException>(() => graph.AddAsync("{'driver':'memory','node-name':'disk'}"));
        Assert.Equal("Duplicate nodes with node-name='disk'", error.Message);
    }

    [Fact]
    public async Task A_node_cannot_name_itself_as_its_child()
    {
        await using var graph = new TestGraph();
        var error = await Assert.ThrowsAsync<BlockException>(
            () => graph.AddAsync("{'driver':'layer','node-name':'top','file':'top'}"));
        Assert.Equal("Cannot find device='top' nor node-name='top'", error.Message);
    }

    [Fact]
    public async Task A_failed_open_leaves_no_node_and_no_driver_in_use()
    {
        await using var graph = new TestGraph();
        graph.Layer.BeforeOpenReturns = () => throw new BlockException(BlockErrorKind.Corrupt, "the header is wrong");

        var error = await Assert.ThrowsAsync<BlockException>(() =>
            graph.AddAsync("{'driver':'layer','node-name':'top','file':{'driver':'memory'},'backing':{'driver':'memory'}}"));

        Assert.Equal("the header is wrong", error.Message);
        Assert.Empty(graph.Graph.Nodes);
        Assert.Equal(0, graph.Leases);
        Assert.All(graph.Memory.Opened, node => Assert.True(node.IsClosed));
        Assert.Equal(2, graph.Memory.Opened.Count);
    }

    [Fact]
    public async Task Children_without_names_get_generated_ones_and_close_with_their_parent()
    {
        await using var graph = new TestGraph();
        await graph.AddAsync("{'driver':'layer','node-name':'top','file':{'driver':'memory'}}");
        var child = graph.Graph.Nodes.Single(node => node.Name != "top");
        Assert.Matches("^#block[0-9]{3,}$", child.Name);
        Assert.True(child.HasGeneratedName);

        await graph.Graph.RemoveAsync("top", CancellationToken.None);
        Assert.Empty(graph.Graph.Nodes);
        Assert.True(graph.Memory.Opened.Single().IsClosed);
    }

    [Fact]
    public async Task Nodes_are_listed_newest_first_with_storage_before_the_format_over_it()
    {
        await using var graph = new TestGraph();
        await graph.AddAsync(
            "{'driver':'layer','node-name':'top','file':{'driver':'memory','node-name':'file'},'backing':{'driver':'memory','node-name':'backing'}}");
        Assert.Equal(["backing", "top", "file"], graph.Graph.Nodes.Select(node => node.Name));
    }

    [Fact]
    public async Task Deleting_is_refused_while_a_node_is_used_and_for_nodes_of_others()
    {
        await using var graph = new TestGraph();
        await graph.AddAsync("{'driver':'memory','node-name':'file'}");
        await graph.AddAsync("{'driver':'layer','node-name':'top','file':'file','backing':null}");
        await graph.AddAsync("{'driver':'layer','node-name':'owner','file':{'driver':'memory','node-name':'inner'}}");
        await using (var backend = await graph.BackendAsync("top", TestGraph.Reader))
            Assert.Equal("Node top is in use", (await Assert.ThrowsAsync<BlockException>(() => Remove("top"))).Message);
        Assert.Equal("Block device file is in use", (await Assert.ThrowsAsync<BlockException>(() => Remove("file"))).Message);
        Assert.Equal(
            "Node inner is not owned by the monitor", (await Assert.ThrowsAsync<BlockException>(() => Remove("inner"))).Message);
        Assert.Equal(
            "Failed to find node with node-name='nope'",
            (await Assert.ThrowsAsync<BlockException>(() => Remove("nope"))).Message);

        Task Remove(string name) => graph.Graph.RemoveAsync(name, CancellationToken.None).AsTask();
    }

    [Fact]
    public async Task Generic_options_go_down_to_children_and_backing_files_are_read_only()
    {
        await using var graph = new TestGraph();
        await graph.AddAsync(
            "{'driver':'layer','node-name':'top','cache':{'direct':true,'no-flush':true},'file':{'driver':'memory','node-name':'file'},'backing':{'driver':'memory','node-name':'backing'}}");
        var (top, file, backing) = (Node("top"), Node("file"), Node("backing"));
        Assert.True(file.CacheDirect && file.CacheNoFlush && backing.CacheDirect);
        Assert.False(top.ReadOnly);
        Assert.False(file.ReadOnly);
        Assert.True(backing.ReadOnly);
        Assert.Equal("unmap", file.Options.GetProperty("discard").GetString());
        Assert.Equal("ignore", top.Options.GetProperty("discard").GetString());

        IGraphNode Node(string name) => graph.Graph.Lookup(null, name);
    }

    [Fact]
    public async Task A_loop_of_backing_files_ends_with_an_error()
    {
        await using var graph = new TestGraph();
        graph.Memory.Files["a"] = new byte[8192];
        graph.Layer.Recorded["a"] = new BackingFileReference(
            """json:{"driver":"layer","file":{"driver":"memory","filename":"a"}}""", "layer");
        var error = await Assert.ThrowsAsync<BlockException>(
            () => graph.AddAsync("{'driver':'layer','node-name':'top','file':{'driver':'memory','filename':'a'}}"));
        Assert.StartsWith("Nodes are nested more than 1000 levels deep", error.Message, StringComparison.Ordinal);
        Assert.Empty(graph.Graph.Nodes);
        Assert.Equal(0, graph.Leases);
    }

    [Fact]
    public async Task A_chain_of_several_hundred_images_opens()
    {
        const int layers = 900;
        await using var graph = new TestGraph();
        for (var layer = 0; layer < layers; layer++)
        {
            graph.Memory.Files[$"f{layer}"] = new byte[8192];
            if (layer > 0)
                graph.Layer.Recorded[$"f{layer}"] = new BackingFileReference(
                    $$$"""json:{"driver":"layer","file.driver":"memory","file.filename":"f{{{layer - 1}}}"}""", "layer");
        }

        await graph.AddAsync($"{{'driver':'layer','node-name':'top','file':{{'driver':'memory','filename':'f{layers - 1}'}}}}");
        await using var backend = await graph.BackendAsync("top", TestGraph.Reader);
        await using var queue = backend.OpenQueue();
        Assert.True((await queue.ReadAsync(0, new byte[4096])).IsOk);
        Assert.Equal(layers, (await queue.GetStatusAsync(0, 4096)).Depth);
    }

    /// <summary>With one of ours it could have a file written, or a program started.</summary>
    [Theory]
    [InlineData("""json:{"driver":"memory","filename":"b","x-blockhost-deadline":1}""", "x-blockhost-deadline")]
    [InlineData("""json:{"driver":"layer","file.driver":"memory","file.x-blockhost-any":1}""", "file.x-blockhost-any")]
    [InlineData("""json:{"driver":"layer","file":{"x\u002dblockhost-any":1}}""", "x-blockhost-any")]
    [InlineData("""json:{"children":[{"x-blockhost-any":1}]}""", "x-blockhost-any")]
    [InlineData("""json:{"filename":"json:{\"x\\u002dblockhost-any\":1}"}""", "x-blockhost-any")]
    public async Task An_image_does_not_set_options_of_ours_of_its_backing_file(string recorded, string option)
    {
        await using var graph = new TestGraph();
        graph.Memory.Files["a"] = new byte[8192];
        graph.Memory.Files["b"] = new byte[8192];
        graph.Layer.Recorded["a"] = new BackingFileReference(recorded, "layer");

        var error = await Assert.ThrowsAsync<BlockException>(
            () => graph.AddAsync("{'driver':'layer','node-name':'top','file':{'driver':'memory','filename':'a'}}"));

        Assert.Equal(
            $"Could not open backing file: The image sets the option '{option}' of its backing file, which only a user may", error.Message);
    }

    [Fact]
    public async Task A_recorded_backing_file_without_a_format_is_refused_rather_than_guessed()
    {
        await using var graph = new TestGraph();
        graph.Memory.Files["a"] = new byte[8192];
        graph.Layer.Recorded["a"] = new BackingFileReference("base", Format: null);
        var error = await Assert.ThrowsAsync<BlockException>(
            () => graph.AddAsync("{'driver':'layer','node-name':'top','file':{'driver':'memory','filename':'a'}}"));
        Assert.Contains("records no format", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_explicit_null_leaves_a_recorded_backing_file_out()
    {
        await using var graph = new TestGraph();
        graph.Memory.Files["a"] = new byte[8192];
        graph.Layer.Recorded["a"] = new BackingFileReference("base", Format: null);
        var top = await graph.AddAsync(
            "{'driver':'layer','node-name':'top','file':{'driver':'memory','filename':'a'},'backing':null}");
        Assert.Null(top.Backing);
        Assert.Equal(
            """json:{"backing": null, "driver": "layer", "file": {"driver": "memory", "filename": "a"}}""", top.FileName);
    }

    [Fact]
    public async Task File_names_are_plain_where_they_open_the_same_node_and_json_elsewhere()
    {
        await using var graph = new TestGraph();
        var plain = await graph.AddAsync("{'driver':'layer','node-name':'plain','file':{'driver':'memory','filename':'a'}}");
        var strong = await graph.AddAsync(
            "{'driver':'layer','node-name':'strong','tag':'x','file':{'driver':'memory','filename':'b'}}");
        var unnamed = await graph.AddAsync("{'driver':'layer','node-name':'unnamed','file':{'driver':'memory','size':8192}}");
        Assert.Equal("a", plain.FileName);
        Assert.Equal("""json:{"tag": "x", "driver": "layer", "file": {"driver": "memory", "filename": "b"}}""", strong.FileName);
        Assert.Equal("""json:{"driver": "layer", "file": {"driver": "memory", "size": 8192}}""", unnamed.FileName);
    }

    [Fact]
    public async Task An_image_opens_again_by_its_json_file_name()
    {
        await using var graph = new TestGraph();
        graph.Memory.Files["b"] = [.. Enumerable.Repeat((byte)7, 8192)];
        var first = await graph.AddAsync(
            "{'driver':'layer','node-name':'first','tag':'x','read-only':true,'file':{'driver':'memory','filename':'b'}}");
        var tool = TestGraph.Reader with { AllowFileNames = true };
        await using var again = await graph.Graph.OpenAsync(
            BlockdevRef.New(JsonSerializer.SerializeToElement(new Dictionary<string, string> { ["filename"] = first.FileName })),
            tool,
            CancellationToken.None);
        Assert.Equal("layer", again.Node.Driver.FormatName);
        Assert.Equal(8192, again.Length);
    }

    [Fact]
    public async Task Only_tools_may_leave_out_the_format()
    {
        await using var graph = new TestGraph();
        var options = TestGraph.Json("{'filename':'b'}");
        var error = await Assert.ThrowsAsync<BlockException>(
            async () => await graph.Graph.OpenAsync(BlockdevRef.New(options), TestGraph.Reader, CancellationToken.None));
        Assert.Equal("Parameter 'driver' is missing", error.Message);
    }

    [Fact]
    public async Task A_backend_that_opened_a_node_closes_it()
    {
        await using var graph = new TestGraph();
        var backend = await graph.Graph.OpenAsync(
            BlockdevRef.New(TestGraph.Json("{'driver':'memory'}")), TestGraph.Writer, CancellationToken.None);
        Assert.Single(graph.Graph.Nodes);
        await backend.DisposeAsync();
        Assert.Empty(graph.Graph.Nodes);
        Assert.Equal(0, graph.Leases);
    }

    [Fact]
    public async Task Corruption_is_told_once_a_node()
    {
        await using var graph = new TestGraph();
        await graph.AddAsync("{'driver':'memory','node-name':'disk'}");
        var context = graph.Memory.Opened.Single().Context;
        context.ReportCorruption("bad table", 4096, 512, fatal: true);
        context.ReportCorruption("bad table", 8192, 512, fatal: true);
        var (name, data) = Assert.Single(graph.Events);
        Assert.Equal("BLOCK_IMAGE_CORRUPTED", name);
        Assert.Equal(
            """{"device":"","node-name":"disk","msg":"bad table","offset":4096,"size":512,"fatal":true}""", data.GetRawText());
    }
}
