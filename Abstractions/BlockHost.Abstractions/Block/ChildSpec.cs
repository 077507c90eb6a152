// SPDX-License-Identifier: MIT
namespace BlockHost.Block;

/// <summary>
/// A child that a driver wants opened: the option it belongs to, what it is to the node, and where it comes from.
/// </summary>
/// <param name="Option">The driver's option: "file", "backing", "children".</param>
public sealed record ChildSpec(string Option, BlockChildRole Role)
{
    /// <summary>
    /// Set where the option is a list: the child's number, which with the option is its name ("children.2"). Numbers grow and are
    /// not its place: after a child has been taken away, the option's list has no gap.
    /// </summary>
    public int? Index { get; init; }

    /// <summary>What the user gave: an existing node or the options of a new one.</summary>
    public BlockdevRef? Reference { get; init; }

    /// <summary>
    /// The file that the image itself names, opened where the user gave nothing. It is a path and nothing else, so that a forged
    /// image reaches neither a protocol nor json: options. A relative one starts from the current folder: for one that counts
    /// from the image's, see <see cref="ImageFileName.TryResolve"/>.
    /// </summary>
    public string? RecordedFile { get; init; }

    /// <summary>There need not be such a child: null is returned where neither the user nor the image names one.</summary>
    public bool IsOptional { get; init; }

    /// <summary>As the graph and error texts name the child.</summary>
    public string Name => Index is { } index ? $"{Option}.{index}" : Option;
}

/// <summary>The usual cases of <see cref="IBlockNodeContext.OpenChildAsync"/>.</summary>
public static class ChildOpening
{
    /// <summary>Opens or references the child that the user gave by <paramref name="option"/>.</summary>
    public static ValueTask<IBlockChild> OpenChildAsync(
        this IBlockNodeContext context,
        string option,
        BlockChildRole role,
        BlockdevRef reference,
        CancellationToken cancellationToken) =>
        OpenNeededAsync(context, new ChildSpec(option, role) { Reference = reference }, cancellationToken);

    /// <summary>Opens storage that the image's header names: see <see cref="ChildSpec.RecordedFile"/>.</summary>
    public static ValueTask<IBlockChild> OpenRecordedFileAsync(
        this IBlockNodeContext context,
        string option,
        BlockChildRole role,
        string fileName,
        CancellationToken cancellationToken) =>
        OpenNeededAsync(context, new ChildSpec(option, role) { RecordedFile = fileName }, cancellationToken);

    /// <summary>Opens or references the children that the user gave as a list.</summary>
    public static async ValueTask<IReadOnlyList<IBlockChild>> OpenChildrenAsync(
        this IBlockNodeContext context,
        string option,
        BlockChildRole role,
        IReadOnlyList<BlockdevRef> references,
        CancellationToken cancellationToken)
    {
        var children = new List<IBlockChild>(references.Count);
        foreach (var reference in references)
        {
            var spec = new ChildSpec(option, role) { Index = children.Count, Reference = reference };
            children.Add(await OpenNeededAsync(context, spec, cancellationToken).ConfigureAwait(false));
        }

        return children;
    }

    private static async ValueTask<IBlockChild> OpenNeededAsync(
        IBlockNodeContext context, ChildSpec spec, CancellationToken cancellationToken) =>
        (await context.OpenChildAsync(spec, cancellationToken).ConfigureAwait(false))!;
}
