// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Plugins;
using BlockHost.Qmp;

namespace BlockHost.Block;

public enum BlockDriverKind
{
    /// <summary>Leaf: talks to a file, device or server.</summary>
    Protocol = 0,

    /// <summary>Gives the bytes of its storage child a meaning.</summary>
    Format = 1,

    /// <summary>Presents its one filtered child.</summary>
    Filter = 2,
}

/// <summary>
/// Opens nodes. Stateless: one instance serves all nodes, at once. Most drivers derive from
/// <see cref="BlockDriver{TOptions}"/>.
/// </summary>
public abstract class BlockDriver : IProvided
{
    ProvidedKind IProvided.Kind => ProvidedKind.Driver;

    string IProvided.Name => FormatName;

    /// <summary>The value of the option "driver", such as "qcow2".</summary>
    public abstract string FormatName { get; }

    public abstract BlockDriverKind Kind { get; }

    /// <summary>The most that any node of the driver allows; each node's profile says what that one does.</summary>
    public virtual Concurrency Concurrency => Concurrency.Parallel;

    /// <summary>The driver's own options (its branch of BlockdevOptions, without the common members).</summary>
    public abstract JsonTypeInfo OptionsType { get; }

    /// <summary>Whether an image can have a backing file (an option "backing" is accepted).</summary>
    public virtual bool SupportsBacking => false;

    /// <summary>Writes may ask for <see cref="WriteFlags.Compressed"/>.</summary>
    public virtual bool SupportsCompressedWrites => false;

    /// <summary>
    /// The image is its storage, byte for byte (raw): to make one is to make its storage, and a guest can forge any other format
    /// in it.
    /// </summary>
    public virtual bool IsPlain => false;

    /// <summary>
    /// While a node is inactive, because its image may be another process's, the host closes the driver's half of it, and opens
    /// it again, with the same options and children, when the node becomes active: nothing that was read of the image outlives
    /// that. False: the node stays (<see cref="Facets.IInactivatable"/>).
    /// </summary>
    public virtual bool ClosesWhenInactive => Kind == BlockDriverKind.Format;

    /// <summary>
    /// URL-like prefixes in file names that select this driver ("nbd" for "nbd://…"), with no colon. The empty one: plain paths
    /// (<see cref="Facets.IPathStore"/>).
    /// </summary>
    public virtual IReadOnlyList<string> FileNamePrefixes => [];

    /// <summary>
    /// Its file names are names of storage: a protocol's, and those of a filter that stands in names where a protocol does
    /// (blkdebug).
    /// </summary>
    public bool NamesStorage =>
        Kind == BlockDriverKind.Protocol || (Kind == BlockDriverKind.Filter && FileNamePrefixes.Count > 0);

    /// <summary>Options that change what a reader sees, and so are part of a json: file name.</summary>
    public virtual IReadOnlyList<string> StrongOptions => [];

    /// <summary>Type of ImageInfo's "format-specific" data, where the driver gives any.</summary>
    public virtual JsonTypeInfo? SpecificInfoType => null;

    /// <summary>Type of what its nodes count by themselves (<see cref="Facets.IDriverStatistics"/>), where they do.</summary>
    public virtual JsonTypeInfo? StatisticsType => null;

    /// <summary>
    /// 0 to 100: how sure the driver is that an image that starts with <paramref name="head"/> is its own. A hint
    /// for tools: a guest can forge a header.
    /// </summary>
    public virtual int Probe(ReadOnlySpan<byte> head, string? fileName) => 0;

    /// <summary>Turns a plain file name into the driver's options, for protocol drivers.</summary>
    /// <returns>False where this driver has no file names.</returns>
    public virtual bool TryParseFileName(string fileName, [NotNullWhen(true)] out JsonElement? options)
    {
        options = null;
        return false;
    }

    /// <summary>
    /// Brings options that only command lines and json: names have, and no schema, into the form of <see cref="OptionsType"/>,
    /// against which they are validated then.
    /// </summary>
    public virtual JsonElement Modernise(JsonElement options) => options;

    /// <param name="context">The node to be; opens children.</param>
    /// <param name="options">Validated against <see cref="OptionsType"/>: only known members, of the right types.</param>
    public abstract ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, JsonElement options, CancellationToken cancellationToken);

    /// <summary>Abilities of the driver without a node, such as <see cref="Facets.IImageCreator"/>.</summary>
    public virtual bool TryGetFacet<T>([NotNullWhen(true)] out T? facet)
        where T : class
    {
        facet = this as T;
        return facet is not null;
    }
}

/// <summary>A driver with typed options.</summary>
public abstract class BlockDriver<TOptions> : BlockDriver
    where TOptions : class
{
    private JsonTypeInfo<TOptions>? _deep;

    public sealed override JsonTypeInfo OptionsType => TypedOptionsType;

    /// <summary>Source-generated metadata of <typeparamref name="TOptions"/>.</summary>
    protected abstract JsonTypeInfo<TOptions> TypedOptionsType { get; }

    public sealed override ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, JsonElement options, CancellationToken cancellationToken) =>
        OpenAsync(context, options.Deserialize(_deep ??= TypedOptionsType.Deep())!, cancellationToken);

    protected abstract ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, TOptions options, CancellationToken cancellationToken);
}
