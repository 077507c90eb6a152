// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Plugins;

namespace BlockHost.Oracle.Tests.Support;

/// <summary>As much of QEMU's driver of that name as makes requests fail on both sides of a session in the same way.</summary>
internal sealed class BlkdebugPlugin : Plugin
{
    public override void Register(IPluginRegistry registry) => registry.Add(new BlkdebugDriver());
}

[JsonConverter(typeof(JsonStringEnumConverter<BlkdebugIoType>))]
internal enum BlkdebugIoType
{
    [JsonStringEnumMemberName("read")]
    Read,

    [JsonStringEnumMemberName("write")]
    Write,

    [JsonStringEnumMemberName("write-zeroes")]
    WriteZeroes,

    [JsonStringEnumMemberName("discard")]
    Discard,

    [JsonStringEnumMemberName("flush")]
    Flush,
}

/// <summary>Requests that fail; "event" is "none".</summary>
internal sealed record BlkdebugError
{
    public required string Event { get; init; }

    [JsonPropertyName("iotype")]
    public required BlkdebugIoType IoType { get; init; }

    public required int Errno { get; init; }

    /// <summary>Of 512 bytes, anywhere in the request; absent: any request.</summary>
    public long? Sector { get; init; }

    public bool Once { get; init; }
}

internal sealed record BlkdebugOptions
{
    public required BlockdevRef Image { get; init; }

    public IReadOnlyList<BlkdebugError>? InjectError { get; init; }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(BlkdebugOptions))]
internal sealed partial class BlkdebugJson : JsonSerializerContext;

internal sealed class BlkdebugDriver : BlockDriver<BlkdebugOptions>
{
    public override string FormatName => "blkdebug";

    public override BlockDriverKind Kind => BlockDriverKind.Filter;

    protected override JsonTypeInfo<BlkdebugOptions> TypedOptionsType => BlkdebugJson.Default.BlkdebugOptions;

    protected override async ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, BlkdebugOptions options, CancellationToken cancellationToken) =>
        new BlkdebugNode(
            await context.OpenChildAsync(
                "image", BlockChildRole.Filtered | BlockChildRole.Primary, options.Image, cancellationToken),
            options.InjectError ?? []);
}

internal sealed class BlkdebugNode(IBlockChild child, IReadOnlyList<BlkdebugError> errors) : BlockFilterNode(child)
{
    private readonly Lock _lock = new();
    private readonly List<BlkdebugError> _errors = [.. errors];

    public override ValueTask ReadAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken)
    {
        Check(BlkdebugIoType.Read, offset, target.Length);
        return base.ReadAsync(offset, target, flags, cancellationToken);
    }

    public override ValueTask WriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken)
    {
        Check(BlkdebugIoType.Write, offset, source.Length);
        return base.WriteAsync(offset, source, flags, cancellationToken);
    }

    public override ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        Check(BlkdebugIoType.Flush, 0, 0);
        return base.FlushAsync(cancellationToken);
    }

    public override ValueTask WriteZeroesAsync(long offset, long bytes, ZeroFlags flags, CancellationToken cancellationToken)
    {
        Check(BlkdebugIoType.WriteZeroes, offset, bytes);
        return base.WriteZeroesAsync(offset, bytes, flags, cancellationToken);
    }

    public override ValueTask DiscardAsync(long offset, long bytes, CancellationToken cancellationToken)
    {
        Check(BlkdebugIoType.Discard, offset, bytes);
        return base.DiscardAsync(offset, bytes, cancellationToken);
    }

    private void Check(BlkdebugIoType type, long offset, long bytes)
    {
        lock (_lock)
        {
            var error = _errors.Find(
                error =>
                    error.IoType == type
                        && (error.Sector is not { } sector || (sector * 512 >= offset && sector * 512 < offset + bytes)));
            if (error is null)
                return;
            if (error.Once)
                _errors.Remove(error);
            throw new BlockException(BlockErrorKind.Io, "An error was injected", error.Errno);
        }
    }
}
