// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization.Metadata;
using BlockHost.Chardevs;
using BlockHost.Plugins.Chardev.Standard.Devices;
using BlockHost.Qmp;
using Device = BlockHost.Chardevs.Chardev;

namespace BlockHost.Plugins.Chardev.Standard.Backends;

/// <summary>"ringbuf", and "memory", its older name: keeps the last that was written, for ringbuf-read.</summary>
internal sealed class RingbufBackend(string name) : ChardevBackend<RingbufOptions>
{
    private const long DefaultSize = 64 << 10;
    private const long MaxSize = 1 << 30;

    public override string BackendName => name;

    protected override JsonTypeInfo<RingbufOptions> TypedOptionsType => StandardJson.Default.RingbufOptions;

    protected override ValueTask<Device> OpenAsync(
        IChardevContext context, RingbufOptions options, CancellationToken cancellationToken)
    {
        var size = options.Size ?? DefaultSize;
        if (size <= 0 || !long.IsPow2(size))
            throw new QmpException($"size of {name} chardev must be power of two");
        if (size > MaxSize)
            throw new QmpException($"size of {name} chardev is at most {MaxSize} bytes");
        return new(new RingbufDevice(context.Id, name, (int)size));
    }
}
