// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Core.Block;

/// <summary>Where the graph finds drivers; the plugin registry stands behind it.</summary>
public interface IDriverSource
{
    /// <summary>The driver of that name, kept loaded until the lease is disposed; null where nobody provides it.</summary>
    /// <param name="user">Who holds it, for people: "node 'disk0'".</param>
    ValueTask<DriverLease?> AcquireAsync(string formatName, string user, CancellationToken cancellationToken);

    /// <summary>Format drivers that may own an image which starts with <paramref name="head"/>, best guess first.</summary>
    IReadOnlyList<FormatCandidate> Probe(ReadOnlySpan<byte> head, string? fileName);

    /// <summary>The format that an image has which nobody else claims ("raw"); null: no driver takes those.</summary>
    string? FormatOfAnything { get; }

    /// <summary>
    /// The driver that a file name's prefix selects ("nbd" for "nbd+unix", the empty one for plain paths), or null.
    /// </summary>
    string? FindByPrefix(string prefix);
}

/// <summary>A format driver that may own an image.</summary>
/// <param name="HasMagic">The image starts with the bytes that the driver's images start with.</param>
public readonly record struct FormatCandidate(string Driver, bool HasMagic);

/// <summary>A driver in use; its plugin stays loaded until this is disposed.</summary>
public sealed class DriverLease(BlockDriver driver, IDisposable? use) : IDisposable
{
    public BlockDriver Driver { get; } = driver;

    /// <summary>The plugin that provides the driver; null: it is not known.</summary>
    public string? PluginId { get; init; }

    public void Dispose() => use?.Dispose();
}
