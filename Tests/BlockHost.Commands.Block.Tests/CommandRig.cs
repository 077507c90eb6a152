// SPDX-License-Identifier: MIT
using System.Buffers;
using System.Text;
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Bitmaps;
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;
using BlockHost.Core.Images;
using BlockHost.Core.Jobs;
using BlockHost.Plugins;
using BlockHost.Plugins.Commands.Block;
using BlockHost.Qmp;
using Moq;

namespace BlockHost.Commands.Block.Tests;

/// <summary>The plugin's commands over a graph of mocks.</summary>
internal sealed class CommandRig
{
    private readonly Dictionary<string, QmpCommand> _commands = [];
    private readonly Mock<IQmpCall> _call = new();
    private readonly List<IGraphNode> _nodes = [];

    public CommandRig()
    {
        var registry = new Mock<IPluginRegistry>();
        registry.Setup(r => r.Add(It.IsAny<QmpCommand>()))
            .Callback((IProvided command) => _commands.Add(command.Name, (QmpCommand)command));
        new CommandsBlockPlugin().Register(registry.Object);
        Graph.Setup(g => g.Nodes).Returns(_nodes);
        Graph.Setup(g => g.Backends).Returns([]);
        Graph.Setup(g => g.DrainAsync(It.IsAny<IGraphNode?>(), It.IsAny<CancellationToken>()))
            .ReturnsAsync(() => { DrainDepth++; return new Undrain(this); });
        Graph.Setup(g => g.Lookup(It.IsAny<string?>(), It.IsAny<string?>()))
            .Returns((string? device, string? node) => _nodes.FirstOrDefault(n => n.Name == node || n.Name == device)
                ?? throw new BlockException(BlockErrorKind.NotFound, $"Cannot find device='{device}' nor node-name='{node}'"));
        _call.Setup(c => c.Host.Graph).Returns(Graph.Object);
        _call.Setup(c => c.Host.Images).Returns(Images.Object);
        // Describing needs nothing but the node.
        Images.Setup(i => i.DescribeAsync(It.IsAny<IGraphNode>(), It.IsAny<bool>(), It.IsAny<CancellationToken>()))
            .Returns(
                (IGraphNode node, bool deep, CancellationToken token) =>
                    new HostImages(null!, null!, null!).DescribeAsync(node, deep, token));
        _call.Setup(c => c.Host.Jobs.List()).Returns([]);
        _call.Setup(c => c.Host.Transactions)
            .Returns(() => new TransactionRunner(Mock.Of<IJobTypeSource>(), () => _call.Object.Host));
    }

    public Mock<IBlockGraph> Graph { get; } = new();

    public Mock<IImages> Images { get; } = new();

    public int DrainDepth { get; private set; }

    public IEnumerable<string> CommandNames => _commands.Keys.Order();

    public Mock<IGraphNode> AddNode(
        string name, string format = "qcow2", bool supportsBacking = true, Mock<IGraphNode>? backing = null)
    {
        var driver = new Mock<BlockDriver>();
        driver.Setup(d => d.FormatName).Returns(format);
        driver.Setup(d => d.Kind).Returns(BlockDriverKind.Format);
        driver.Setup(d => d.SupportsBacking).Returns(supportsBacking);
        var node = new Mock<IGraphNode>();
        node.Setup(n => n.Name).Returns(name);
        node.Setup(n => n.FileName).Returns($"/images/{name}.img");
        node.Setup(n => n.Driver).Returns(driver.Object);
        node.Setup(n => n.Length).Returns(1 << 20);
        node.Setup(n => n.Children).Returns([]);
        node.Setup(n => n.Parents).Returns([]);
        node.Setup(
            n =>
                n.DirtyBitmaps).Returns(Mock.Of<IDirtyBitmaps>(
                    bitmaps => bitmaps.All == Array.Empty<IDirtyBitmap>() && bitmaps.Named == Array.Empty<IDirtyBitmap>()));
        node.Setup(n => n.Backing).Returns(backing?.Object);
        node.Setup(n => n.GetFactsAsync(It.IsAny<CancellationToken>()))
            .ReturnsAsync(new ImageFacts { Backing = backing is null ? null : new(backing.Object.Name + ".img", "qcow2") });
        node.SetupProperty(n => n.WriteThreshold);
        _nodes.Add(node.Object);
        IGraphNode? found = node.Object;
        Graph.Setup(g => g.TryGetNode(name, out found)).Returns(true);
        return node;
    }

    public async Task<string> RunAsync(string command, string arguments)
    {
        var json = _commands[command].Modernise(JsonDocument.Parse(arguments).RootElement);
        var buffer = new ArrayBufferWriter<byte>();
        await using (var writer = new Utf8JsonWriter(buffer))
            await _commands[command].InvokeAsync(_call.Object, json, writer, default);
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    public async Task<string> FailAsync(string command, string arguments)
    {
        var error = await Record.ExceptionAsync(() => RunAsync(command, arguments));
        Assert.True(error is QmpException or BlockException, $"{error}");
        return error.Message;
    }

    private sealed class Undrain(CommandRig rig) : IAsyncDisposable
    {
        public ValueTask DisposeAsync()
        {
            rig.DrainDepth--;
            return default;
        }
    }
}
