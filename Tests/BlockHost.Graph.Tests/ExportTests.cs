// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Core.Exports;
using BlockHost.Exports;
using BlockHost.Graph.Tests.Fakes;
using BlockHost.Objects;
using BlockHost.Plugins;
using BlockHost.Qmp;
using Moq;

namespace BlockHost.Graph.Tests;

public sealed class ExportTests : IAsyncDisposable
{
    private readonly TestGraph _graph = new();
    private readonly FakeExportType _type = new();
    private readonly ExportManager _exports;

    public ExportTests() =>
        _exports = new ExportManager(_type, _graph.Graph, Mock.Of<IUserObjects>(), _graph, () => Mock.Of<IPluginHost>());

    public ValueTask DisposeAsync() => _graph.DisposeAsync();

    [Theory]
    [InlineData("1e", "disk", "fake", false, "Invalid block export id")]
    [InlineData("e", "nope", "fake", false, "Cannot find device='' nor node-name='nope'")]
    [InlineData("e", "disk", "other", false, "Parameter 'type' does not accept value 'other'")]
    [InlineData("e", "disk", "fake", true, "Cannot export read-only node as writable")]
    public async Task What_cannot_be_exported_is_refused_as_QEMU_does(
        string id, string node, string type, bool writable, string message)
    {
        await _graph.AddAsync("{'driver':'memory','node-name':'disk','read-only':true}");
        var error = await Record.ExceptionAsync(() => AddAsync(id, node, type, writable));
        Assert.True(error is QmpException or BlockException, $"{error}");
        Assert.Equal(message, error.Message);
        Assert.Empty(_exports.List());
        Assert.Empty(_graph.Graph.Backends);
        Assert.Equal(0, _type.Leases);
    }

    [Fact]
    public async Task An_id_is_taken_until_its_export_is_gone()
    {
        await _graph.AddAsync("{'driver':'memory','node-name':'disk'}");
        await AddAsync("e");
        Assert.Equal(
            "Block export id 'e' is already in use", (await Assert.ThrowsAsync<QmpException>(() => AddAsync("e"))).Message);
        await _exports.RemoveAllAsync("fake", CancellationToken.None);
        Assert.Equal("BLOCK_EXPORT_DELETED", Assert.Single(_graph.Events).Name);
        Assert.True(_type.Made.Single().IsDisposed);
        Assert.Empty(_graph.Graph.Backends);
        await AddAsync("e");
    }

    [Fact]
    public async Task A_failed_creation_leaves_nothing()
    {
        await _graph.AddAsync("{'driver':'memory','node-name':'disk'}");
        _type.FailCreate = new QmpException("NBD server not running");
        await Assert.ThrowsAsync<QmpException>(() => AddAsync("e"));
        Assert.Empty(_exports.List());
        Assert.Empty(_graph.Graph.Backends);
        Assert.Equal(0, _type.Leases);
        _type.FailCreate = null;
        await AddAsync("e");
    }

    [Fact]
    public async Task An_export_in_use_goes_only_by_force()
    {
        await _graph.AddAsync("{'driver':'memory','node-name':'disk'}");
        await AddAsync("e");
        var export = _type.Made.Single();
        export.Clients = true;
        export.KeepsGoing = true;
        Assert.Equal(
            "export 'e' still in use", Assert.Throws<QmpException>(() => _exports.Remove("e", ExportRemoveMode.Safe)).Message);
        Assert.Equal(
            "Export 'x' is not found", Assert.Throws<QmpException>(() => _exports.Remove("x", ExportRemoveMode.Hard)).Message);
        _exports.Remove("e", ExportRemoveMode.Hard);
        Assert.Equal(new ExportInfo("e", "fake", "disk", ShuttingDown: true), Assert.Single(_exports.List()));
        export.Context.Ended();
        await _exports.RemoveAllAsync(type: null, CancellationToken.None);
        Assert.Empty(_exports.List());
    }

    [Fact]
    public async Task An_export_that_ends_while_it_is_made_is_taken_away()
    {
        await _graph.AddAsync("{'driver':'memory','node-name':'disk'}");
        _type.EndAtOnce = true;
        await AddAsync("e");
        await _exports.RemoveAllAsync(type: null, CancellationToken.None);
        Assert.Empty(_exports.List());
        Assert.Equal(0, _type.Leases);
    }

    [Fact]
    public async Task An_export_takes_the_permissions_its_options_imply()
    {
        await _graph.AddAsync("{'driver':'memory','node-name':'disk'}");
        await AddAsync("r");
        await AddAsync("w", writable: true);
        Assert.Equal(
            [BlockPermissions.ConsistentRead | BlockPermissions.Write, BlockPermissions.ConsistentRead],
            _graph.Graph.Lookup(null, "disk").Parents.Select(edge => edge.Permissions.Needed));
        Assert.Equal(["w", "r"], _exports.List().Select(info => info.Id));
    }

    private Task AddAsync(string id, string node = "disk", string type = "fake", bool writable = false) => _exports.AddAsync(
        new ExportRequest
        {
            Id = id,
            NodeName = node,
            Type = type,
            Writable = writable,
            Options = TestGraph.Json("{}"),
        }, CancellationToken.None).AsTask();
}
