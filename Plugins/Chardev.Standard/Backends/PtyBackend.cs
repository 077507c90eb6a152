// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization.Metadata;
using BlockHost.Chardevs;
using BlockHost.Plugins.Chardev.Standard.Devices;
using BlockHost.Posix;
using BlockHost.Qmp;
using Device = BlockHost.Chardevs.Chardev;

namespace BlockHost.Plugins.Chardev.Standard.Backends;

/// <summary>"pty": a pseudo terminal of its own, whose other end anybody opens, leaves and opens again.</summary>
internal sealed class PtyBackend : ChardevBackend<CommonOptions>
{
    private const string Multiplexer = "/dev/ptmx";

    public override string BackendName => "pty";

    protected override JsonTypeInfo<CommonOptions> TypedOptionsType => StandardJson.Default.CommonOptions;

    protected override ValueTask<Device> OpenAsync(
        IChardevContext context, CommonOptions options, CancellationToken cancellationToken)
    {
        var terminal = Descriptors.Open(context.Host.Descriptors, Multiplexer);
        if (Terminal.Unlock(terminal) is not { } other)
        {
            _ = Libc.close(terminal);
            throw new QmpException("Failed to create PTY");
        }

        Terminal.MakeRaw(terminal);
        return new(new StreamDevice(
            context.Id,
            "pty",
            "pty:" + other,
            () => new DescriptorStream(terminal, terminal, comesBack: true, context.Host.Clock),
            pty: other));
    }
}
