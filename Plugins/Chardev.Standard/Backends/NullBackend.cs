// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization.Metadata;
using BlockHost.Chardevs;
using BlockHost.Plugins.Chardev.Standard.Devices;
using Device = BlockHost.Chardevs.Chardev;

namespace BlockHost.Plugins.Chardev.Standard.Backends;

/// <summary>"null": what is written is lost, and nothing comes.</summary>
internal sealed class NullBackend : ChardevBackend<CommonOptions>
{
    public override string BackendName => "null";

    protected override JsonTypeInfo<CommonOptions> TypedOptionsType => StandardJson.Default.CommonOptions;

    protected override ValueTask<Device> OpenAsync(
        IChardevContext context, CommonOptions options, CancellationToken cancellationToken) =>
        new(new StreamDevice(context.Id, "null", "null", () => new SinkStream(static _ => { })));
}
