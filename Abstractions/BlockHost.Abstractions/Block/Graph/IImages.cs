// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization;

namespace BlockHost.Block.Graph;

/// <summary>QAPI enum NewImageMode: whether a command makes the image that it names by file.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<NewImageMode>))]
public enum NewImageMode
{
    /// <summary>The image is there.</summary>
    [JsonStringEnumMemberName("existing")]
    Existing = 0,

    /// <summary>It is made, and records the full name of its backing file.</summary>
    [JsonStringEnumMemberName("absolute-paths")]
    AbsolutePaths = 1,
}

/// <summary>An image that a command names by file, as "snapshot-file" or "target".</summary>
public sealed record ImageFileOptions
{
    /// <summary>A path, or a name with a protocol's prefix.</summary>
    public required string FileName { get; init; }

    /// <summary>Needed for a new image. Null: found by looking at the image; a guest can forge it.</summary>
    public string? Format { get; init; }

    public NewImageMode Mode { get; init; } = NewImageMode.AbsolutePaths;

    /// <summary>Bytes of a new image.</summary>
    public long Length { get; init; }

    /// <summary>The node that a new image records as its backing file; null: none.</summary>
    public IGraphNode? Backing { get; init; }

    /// <summary>The backing file that the image records is not opened with it: the caller puts one under it.</summary>
    public bool NoBacking { get; init; }

    /// <summary>The node whose cache mode and discard option the image's node takes; null: the defaults.</summary>
    public IGraphNode? Like { get; init; }

    /// <summary>Null: one is made up.</summary>
    public string? NodeName { get; init; }

    /// <summary>Further options of the node: an object. They win over those of <see cref="Like"/>.</summary>
    public JsonElement? Options { get; init; }
}

/// <summary>
/// Images as commands speak of them: those that they name by file rather than by node, and what queries say of one.
/// </summary>
public interface IImages
{
    /// <summary>
    /// Makes the image where its mode says so, and opens it for writing. On failure no node is left, and no file that was not
    /// there before; a file that was there and is not in use may have been emptied.
    /// </summary>
    /// <exception cref="BlockException">The format or protocol is unknown or refuses.</exception>
    /// <exception cref="BlockException">An option is refused, such as a node name that is taken.</exception>
    ValueTask<IImageFile> OpenAsync(ImageFileOptions options, CancellationToken cancellationToken);

    /// <summary>The facts of an image.</summary>
    /// <param name="withBackingChain">With the images below it, all the way down.</param>
    ValueTask<ImageInfo> DescribeAsync(IGraphNode node, bool withBackingChain, CancellationToken cancellationToken);
}

/// <summary>An open image. Disposing it lets go of the node, which then lives as long as it has other users.</summary>
public interface IImageFile : IAsyncDisposable
{
    IGraphNode Node { get; }

    /// <summary>Lets go of the node, and removes the file unless it was there before.</summary>
    ValueTask TakeBackAsync();
}
