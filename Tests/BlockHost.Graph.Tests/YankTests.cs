// SPDX-License-Identifier: MIT
using BlockHost.Core.Yank;
using BlockHost.Graph.Tests.Fakes;
using BlockHost.Qmp;
using BlockHost.Yank;

namespace BlockHost.Graph.Tests;

public sealed class YankTests
{
    private readonly YankRegistry _registry = new();
    private readonly List<string> _yanked = [];

    [Fact]
    public void All_functions_of_all_instances_run_or_none()
    {
        Register("a");
        Register("a");
        Register("b");
        var error = Assert.Throws<QmpException>(() => _registry.Yank([Node("a"), Node("nope")]));
        Assert.Equal((QmpErrorClass.DeviceNotFound, "Instance not found"), (error.Class, error.Message));
        Assert.Empty(_yanked);
        _registry.Yank([Node("a"), Node("b")]);
        Assert.Equal(["a", "a", "b"], _yanked);
    }

    [Fact]
    public void An_instance_stays_listed_until_its_last_function_goes()
    {
        var first = Register("a");
        var second = Register("a");
        _registry.Yank([Node("a")]);
        first.Dispose();
        Assert.Equal("a", Assert.Single(_registry.List()).Identity.GetProperty("node-name").GetString());
        second.Dispose();
        Assert.Empty(_registry.List());
    }

    [Fact]
    public void A_function_can_take_itself_away_while_it_runs()
    {
        IDisposable? self = null;
        self = _registry.Register(Node("a"), () => self!.Dispose());
        _registry.Yank([Node("a")]);
        Assert.Empty(_registry.List());
    }

    private static YankInstance Node(string name) => new("block-node", TestGraph.Json($"{{'node-name':'{name}'}}"));

    private IDisposable Register(string name) => _registry.Register(Node(name), () => _yanked.Add(name));
}
