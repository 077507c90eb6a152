// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Exports;
using BlockHost.Plugins;

namespace BlockHost.Qmp.Tests.Support;

/// <summary>A driver of which only the options matter.</summary>
internal sealed class SchemaDriver(string name, JsonTypeInfo options) : BlockDriver
{
    public override string FormatName => name;

    public override BlockDriverKind Kind => BlockDriverKind.Protocol;

    public override JsonTypeInfo OptionsType => options;

    public override ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, JsonElement options, CancellationToken cancellationToken) =>
        throw new NotSupportedException("only the schema of this driver is used");
}

internal sealed class SchemaExport(string name, JsonTypeInfo options) : ExportType
{
    public override string Name => name;

    public override JsonTypeInfo OptionsType => options;

    public override ValueTask<BlockExport> CreateAsync(
        IExportContext context, JsonElement options, CancellationToken cancellationToken) =>
        throw new NotSupportedException("only the schema of this export is used");
}

/// <summary>The commands and drivers with which QEMU's error texts were recorded, and some that tests steer.</summary>
internal sealed class TestCommands
{
    public static QmpEvent<Text> Event { get; } = new("TEST_EVENT", () => TestJson.Default.Text);

    public static QmpEvent<Text> LimitedEvent { get; } = new("TEST_LIMITED", () => TestJson.Default.Text)
    {
        MinimumInterval = TimeSpan.FromSeconds(1),
        IntervalKey = "value",
    };

    /// <summary>Commands "hang" wait for it.</summary>
    public TaskCompletionSource Gate { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public TaskCompletionSource HangEntered { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>The last "note-thread" ran on a thread of the runtime's pool.</summary>
    public bool RanOnPool { get; private set; }

    public void Register(IPluginRegistry registry)
    {
        var json = TestJson.Default;
        registry.Add(new SchemaDriver("null-co", json.NullOptions));
        registry.Add(new SchemaDriver("file", json.FileOptions));
        registry.Add(new SchemaDriver("qcow2", json.Qcow2Options));
        registry.Add(new SchemaDriver("nbd", json.NbdOptions));
        registry.Add(new SchemaDriver("quorum", json.QuorumOptions));
        registry.Add(new SchemaExport("nbd", json.NbdExportOptions));
        registry.Add(Event);
        registry.Add(LimitedEvent);
        registry.Add(QmpCommand.CreateAction("blockdev-add", () => json.BlockdevOptions, (_, _, _) => default));
        registry.Add(QmpCommand.CreateAction("nbd-server-start", () => json.NbdServerStart, (_, _, _) => default));
        registry.Add(QmpCommand.CreateAction("block-export-add", () => json.ExportOptions, (_, _, _) => default));
        registry.Add(QmpCommand.CreateAction("block_resize", () => json.BlockResize, (_, _, _) => default));
        registry.Add(QmpCommand.Create("echo", () => json.Text, () => json.Text, (_, text, _) => new(text)));
        registry.Add(QmpCommand.CreateAction("note-thread", () => json.Text, (_, _, _) =>
        {
            RanOnPool = Thread.CurrentThread.IsThreadPoolThread;
            return default;
        }));
        registry.Add(QmpCommand.CreateAction("emit", () => json.Text, (call, text, _) =>
        {
            call.Host.Events.Emit(Event, text);
            return default;
        }));
        registry.Add(QmpCommand.CreateAction("hang", async (_, ct) =>
        {
            HangEntered.TrySetResult();
            await Gate.Task.WaitAsync(ct);
        }));
        registry.Add(QmpCommand.CreateAction("block-thread", (_, _) =>
        {
            HangEntered.TrySetResult();
            Gate.Task.Wait(CancellationToken.None);
            return default;
        }));
        registry.Add(QmpCommand.CreateAction("oob", (_, _) => default, QmpCommandFlags.AllowOutOfBand));
        registry.Add(QmpCommand.CreateAction(
            "fail", () => json.Text, (_, text, _) => throw new InvalidOperationException(text.Value)));
        registry.Add(QmpCommand.CreateAction("hidden", (_, _) => default, QmpCommandFlags.Hidden));
    }
}
