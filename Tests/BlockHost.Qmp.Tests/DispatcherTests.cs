// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Core.Objects;
using BlockHost.Core.Plugins;
using BlockHost.Core.Qapi;
using BlockHost.Core.Qmp;
using BlockHost.Plugins;
using BlockHost.Qmp;
using Moq;

namespace BlockHost.Core.Tests.Qmp;

public sealed class DispatcherTests
{
    private readonly PluginOwner _owner = new(new PluginIdentity("commands.test", "1.0.0", "test"));
    private readonly ProvidedBox _box;
    private readonly QmpDispatcher _dispatcher;
    private int _ran;

    public DispatcherTests()
    {
        var command = QmpCommand.CreateAction("test", (_, _) =>
        {
            _ran++;
            return ValueTask.CompletedTask;
        });
        _box = new ProvidedBox("test", _owner, command);
        var catalog = new Mock<IPluginCatalog> { DefaultValue = DefaultValue.Mock };
        catalog.Setup(c => c.Of(ProvidedKind.Command).FindAsync("test", It.IsAny<CancellationToken>())).Returns(new ValueTask<Provided<QmpCommand>?>(new Provided<QmpCommand>(_box)));
        var types = new QapiTypes();
        _dispatcher = new QmpDispatcher(catalog.Object, new QapiInput(types, new QapiBranches(catalog.Object, types)));
    }

    [Fact]
    public async Task A_command_runs()
    {
        await DispatchAsync();

        Assert.Equal(1, _ran);
        Assert.Empty(_owner.Users);
    }

    [Fact]
    public async Task A_plugin_that_is_being_unloaded_is_an_error_answer()
    {
        await _owner.Close();

        var error = await Assert.ThrowsAsync<QmpException>(DispatchAsync);

        Assert.Equal("Plugin 'commands.test' is being unloaded and takes no new users", error.Message);
    }

    [Fact]
    public async Task A_command_whose_plugin_has_gone_is_an_error_answer_and_no_use_stays()
    {
        _box.Empty();

        await Assert.ThrowsAsync<QmpException>(DispatchAsync);

        Assert.Empty(_owner.Users);
    }

    private async Task DispatchAsync()
    {
        using var result = new Utf8JsonWriter(Stream.Null);
        await _dispatcher.DispatchAsync(Mock.Of<IQmpCall>(), "test", default, result, default);
    }
}
