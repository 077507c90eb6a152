// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block.Graph;
using BlockHost.Plugins;
using BlockHost.Qmp;

namespace BlockHost.Devices;

/// <summary>A kind of guest device that uses block backends, such as "virtio-blk".</summary>
public abstract class DeviceModel : IProvided
{
    ProvidedKind IProvided.Kind => ProvidedKind.Device;

    public abstract string Name { get; }

    public abstract JsonTypeInfo OptionsType { get; }

    public abstract ValueTask<Device> RealizeAsync(
        IDeviceContext context, JsonElement options, CancellationToken cancellationToken);
}

/// <summary>A device model with typed options.</summary>
public abstract class DeviceModel<TOptions> : DeviceModel
    where TOptions : class
{
    private JsonTypeInfo<TOptions>? _deep;

    public sealed override JsonTypeInfo OptionsType => TypedOptionsType;

    /// <summary>Source-generated metadata of <typeparamref name="TOptions"/>.</summary>
    protected abstract JsonTypeInfo<TOptions> TypedOptionsType { get; }

    public sealed override ValueTask<Device> RealizeAsync(
        IDeviceContext context, JsonElement options, CancellationToken cancellationToken) =>
        RealizeAsync(context, options.Deserialize(_deep ??= TypedOptionsType.Deep())!, cancellationToken);

    protected abstract ValueTask<Device> RealizeAsync(
        IDeviceContext context, TOptions options, CancellationToken cancellationToken);
}

public abstract class Device : IAsyncDisposable
{
    /// <summary>The guest's requests stop being taken; those in flight complete.</summary>
    public abstract ValueTask StopAsync(CancellationToken cancellationToken);

    public abstract void Start();

    /// <summary>Version of what <see cref="SaveState"/> writes.</summary>
    public abstract int StateVersion { get; }

    /// <summary>A host that knows no such device may leave its state out.</summary>
    public virtual bool StateIsOptional => false;

    /// <summary>The device's state, while it is stopped.</summary>
    public abstract ReadOnlyMemory<byte> SaveState();

    /// <exception cref="InvalidDataException">The state is not of this device or version.</exception>
    public abstract void LoadState(int version, ReadOnlyMemory<byte> state);

    public virtual void Yank()
    {
    }

    public abstract ValueTask DisposeAsync();
}

public interface IDeviceContext
{
    string Id { get; }

    IPluginHost Host { get; }

    ValueTask<IBlockBackend> OpenBackendAsync(string nodeName, BackendOptions options, CancellationToken cancellationToken);
}
