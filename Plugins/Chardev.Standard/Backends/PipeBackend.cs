// SPDX-License-Identifier: MIT
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Chardevs;
using BlockHost.Plugins.Chardev.Standard.Devices;
using BlockHost.Posix;
using BlockHost.Qmp;
using Device = BlockHost.Chardevs.Chardev;

namespace BlockHost.Plugins.Chardev.Standard.Backends;

/// <summary>"pipe": named pipes NAME.in and NAME.out, or one pipe for both ways where there are no such two.</summary>
internal sealed class PipeBackend : ChardevBackend<HostDeviceOptions>
{
    public override string BackendName => "pipe";

    public override string QomParent => "chardev-fd";

    protected override JsonTypeInfo<HostDeviceOptions> TypedOptionsType => StandardJson.Default.HostDeviceOptions;

    public override JsonObject FromCommandLine(IReadOnlyDictionary<string, string> options) =>
        options.ContainsKey("path")
            ? CommandLineOptions.Rename(options, ("path", "device"))
            : throw new QmpException("chardev: pipe: no device path given");

    protected override ValueTask<Device> OpenAsync(
        IChardevContext context, HostDeviceOptions options, CancellationToken cancellationToken)
    {
        var (input, output) = Open(context.Host.Descriptors, options.Device);
        return new(new StreamDevice(
            context.Id, "pipe", "pipe", () => new DescriptorStream(input, output, comesBack: false, context.Host.Clock)));
    }

    private static (int Input, int Output) Open(IPassedDescriptors passed, string name)
    {
        var input = Descriptors.TryOpen(passed, name + ".in", out _);
        var output = Descriptors.TryOpen(passed, name + ".out", out _);
        if (input >= 0 && output >= 0)
            return (input, output);
        foreach (var alone in (int[])[input, output])
        {
            if (alone >= 0)
                _ = Libc.close(alone);
        }

        var both = Descriptors.Open(passed, name);
        return (both, both);
    }
}
