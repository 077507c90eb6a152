// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Plugins;

namespace BlockHost.Block.Facets;

public enum CreateOptionKind
{
    String = 0,
    Bool = 1,
    Number = 2,
    Size = 3,
}

/// <summary>
/// One option of <c>qemu-img create -o</c>, and the blockdev-create member it stands for.
/// </summary>
/// <param name="Name">As on the command line: cluster_size.</param>
/// <param name="Help">As in the output of <c>-o help</c>.</param>
/// <param name="Member">As in BlockdevCreateOptions: cluster-size.</param>
/// <param name="Default">As printed by <c>-o help</c>, or null.</param>
public sealed record CreateOption(string Name, CreateOptionKind Kind, string Help, string Member, string? Default = null)
{
    /// <summary>
    /// Command-line value to member value, where they differ (compat=1.1 is version=v3); of a switch, the choice that "on" stands
    /// for.
    /// </summary>
    public IReadOnlyDictionary<string, string>? Values { get; init; }

    /// <summary>
    /// The values there are, for drivers that refuse others in QEMU's older words; null: the member's type says it.
    /// </summary>
    public IReadOnlyList<string>? Choices { get; init; }

    /// <summary>QEMU does not have it: under its tools' names, help does not list it.</summary>
    public bool IsBeyondQemu { get; init; }

    /// <summary>The value names a file that the command line makes, empty; the member is the node that stores it.</summary>
    public bool MakesFile { get; init; }
}

/// <summary>A file that an image needs beside its own.</summary>
/// <param name="Member">The list in the creation options that the file's node belongs to.</param>
public sealed record PlannedFile(string Member, string FileName);

/// <summary>A driver's ability to make new images (facet of <see cref="BlockDriver"/>).</summary>
public interface IImageCreator
{
    /// <summary>The driver's branch of BlockdevCreateOptions, without "driver".</summary>
    JsonTypeInfo CreateOptionsType { get; }

    IReadOnlyList<CreateOption> CreateOptions { get; }

    /// <summary>
    /// The member of a protocol's creation options that has the options of the node to be made, as "location" of ssh; null: they
    /// stand among the others, as "filename" of file.
    /// </summary>
    string? LocationMember => null;

    /// <summary>
    /// Files beside the image's own, in the order of their lists. Those who name an image by its file make them first, empty, and
    /// add their nodes to the options; the driver gives them their length.
    /// </summary>
    IReadOnlyList<PlannedFile> PlanFiles(string fileName, JsonElement options) => [];

    /// <summary>
    /// Makes the image. On failure the storage is left without a valid image rather than with a wrong one.
    /// </summary>
    /// <param name="options">Validated against <see cref="CreateOptionsType"/>.</param>
    ValueTask CreateAsync(IImageCreateContext context, JsonElement options, CancellationToken cancellationToken);
}

public interface IImageCreateContext
{
    IDriverHost Host { get; }

    /// <summary>Opens the storage a format writes into: write and resize are granted.</summary>
    ValueTask<IBlockChild> OpenStorageAsync(BlockdevRef reference, CancellationToken cancellationToken);

    /// <summary>
    /// Opens an image for reading that is to be recorded in the new one, such as its backing file; relative names count from the
    /// storage that was opened first.
    /// </summary>
    ValueTask<IBlockChild> OpenImageAsync(string fileName, string format, CancellationToken cancellationToken) =>
        throw new BlockException(BlockErrorKind.NotSupported, "Images cannot be opened here");

    /// <summary>
    /// As <see cref="OpenImageAsync(string, string, CancellationToken)"/>, also while somebody is writing the image: what is
    /// recorded of it stays as it is.
    /// </summary>
    ValueTask<IBlockChild> OpenSharedImageAsync(string fileName, string format, CancellationToken cancellationToken) =>
        OpenImageAsync(fileName, format, cancellationToken);
}
