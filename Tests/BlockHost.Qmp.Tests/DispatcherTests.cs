// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Core.Objects;
using BlockHost.Core.Plugins;
using BlockHost.Core.Qapi;
using BlockHost.Core.Qmp;
using BlockHost.Oracle.Tests.Support;
using BlockHost.Plugins;
using BlockHost.Qmp;
using BlockHost.Qmp.Tests.Support;
using Microsoft.Extensions.Logging;
using Moq;

namespace BlockHost.Core.Tests.Qmp;

public sealed class DispatcherTests
{
    private readonly PluginOwner _owner = new(new PluginIdentity("commands.test", "1.0.0", "test"));
    private readonly ProvidedBox _box;
    private readonly QmpDispatcher _dispatcher;
    private readonly ManualClock _clock = new(DateTimeOffset.UnixEpoch);
    private readonly RecordedLog _log = new();
    private Exception? _failure;
    private TimeSpan _takes;
    private int _ran;

    public DispatcherTests()
    {
        var command = QmpCommand.CreateAction("test", (_, _) =>
        {
            _ran++;
            _clock.Advance(_takes);
            return _failure is null ? ValueTask.CompletedTask : ValueTask.FromException(_failure);
        });
        _box = new ProvidedBox("test", _owner, command);
        var catalog = new Mock<IPluginCatalog> { DefaultValue = DefaultValue.Mock };
        catalog.Setup(
            c =>
                c.Of(ProvidedKind.Command).FindAsync(
                    "test",
                    It.IsAny<CancellationToken>())).Returns(new ValueTask<Provided<QmpCommand>?>(new Provided<QmpCommand>(_box)));
        var types = new QapiTypes();
        _dispatcher = new QmpDispatcher(
            catalog.Object, new QapiInput(types, new QapiBranches(catalog.Object, types)), loggers: _log, clock: _clock);
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

    [Fact]
    public async Task A_slow_command_is_a_warning_with_its_name_and_duration()
    {
        _takes = TimeSpan.FromSeconds(6.5);

        await DispatchAsync();

        Assert.Equal([("command", LogLevel.Warning, "Command 'test' took 6.5 s")], Warnings());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_slow_command_that_fails_is_as_slow(bool byMistake)
    {
        _takes = TimeSpan.FromSeconds(60);
        _failure = byMistake ? new InvalidOperationException("a mistake") : new QmpException("No such server");

        await Assert.ThrowsAsync<QmpException>(DispatchAsync);

        Assert.Contains(("command", LogLevel.Warning, "Command 'test' took 60.0 s"), Warnings());
    }

    [Fact]
    public async Task A_command_of_five_seconds_is_not_slow()
    {
        _takes = TimeSpan.FromSeconds(5);

        await DispatchAsync();

        Assert.Empty(Warnings());
    }

    private (string, LogLevel, string)[] Warnings() =>
        [.. _log.Entries.Where(entry => entry.Level >= LogLevel.Warning)
            .Select(entry => (entry.Category, entry.Level, entry.Text))];

    private async Task DispatchAsync()
    {
        using var result = new Utf8JsonWriter(Stream.Null);
        await _dispatcher.DispatchAsync(Mock.Of<IQmpCall>(), "test", default, result, default);
    }
}
