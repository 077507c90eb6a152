// SPDX-License-Identifier: MIT
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Chardevs;
using BlockHost.Plugins.Chardev.Standard.Devices;
using BlockHost.Posix;
using BlockHost.Qmp;
using Device = BlockHost.Chardevs.Chardev;

namespace BlockHost.Plugins.Chardev.Standard.Backends;

/// <summary>"serial" and "parallel": a port of this machine, its bytes as they are.</summary>
internal sealed class SerialBackend(string name) : ChardevBackend<HostDeviceOptions>
{
    public override string BackendName => name;

    public override string QomParent => name == "serial" ? "chardev-fd" : "chardev";

    protected override JsonTypeInfo<HostDeviceOptions> TypedOptionsType => StandardJson.Default.HostDeviceOptions;

    public override JsonObject FromCommandLine(IReadOnlyDictionary<string, string> options) =>
        options.ContainsKey("path")
            ? CommandLineOptions.Rename(options, ("path", "device"))
            : throw new QmpException($"chardev: {name}: no device path given");

    protected override ValueTask<Device> OpenAsync(
        IChardevContext context, HostDeviceOptions options, CancellationToken cancellationToken)
    {
        var port = Descriptors.Open(context.Host.Descriptors, options.Device);
        Terminal.MakeRaw(port);
        return new(new StreamDevice(
            context.Id,
            name,
            name,
            () => new DescriptorStream(port, port, comesBack: false, context.Host.Clock),
            () => Terminal.SendBreak(port)));
    }
}
