// SPDX-License-Identifier: MIT
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Chardevs;
using BlockHost.Core.Qmp;
using BlockHost.Qmp;

namespace BlockHost.Core.Chardevs.Mux;

/// <summary>"mux": another device, for several monitors.</summary>
internal sealed class MuxBackend(ChardevTable devices, HostLifetime lifetime, TimeProvider clock) : ChardevBackend<MuxData>
{
    public override string BackendName => "mux";

    protected override JsonTypeInfo<MuxData> TypedOptionsType => ChardevJson.Default.MuxData;

    public override JsonObject FromCommandLine(IReadOnlyDictionary<string, string> options) =>
        options.ContainsKey("chardev")
            ? base.FromCommandLine(options)
            : throw new QmpException("chardev: mux: no chardev given");

    protected override ValueTask<Chardev> OpenAsync(
        IChardevContext context, MuxData data, CancellationToken cancellationToken)
    {
        var below = devices.Find(data.Chardev, name => new QmpException($"mux: base chardev {name} not found"));
        if (below is MuxChardev || devices.IsTaken(below))
            throw new QmpException($"Device '{below.Id}' is in use");
        if (data.Logfile is not null)
            throw new QmpException("mux keeps no log: the device below does");
        devices.Take(below);
        return new(new MuxChardev(
            context.Id,
            below,
            () => lifetime.RequestStop(ShutdownCause.HostQmpQuit),
            () => devices.Release(below),
            context.Host.Started,
            clock));
    }
}

/// <summary>QAPI struct ChardevMux.</summary>
internal sealed record MuxData : ChardevCommon
{
    /// <summary>The device that is shared.</summary>
    public required string Chardev { get; init; }
}
