// SPDX-License-Identifier: MIT
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Vmdk.Format;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Block.Vmdk.Maintenance;

/// <summary>
/// Makes images:
/// <code>
///   monolithicSparse, streamOptimized    one file: header, description, map, grains
///   monolithicFlat                       a description, and NAME-flat.vmdk
///   twoGbMaxExtent…                      a description, and NAME-s001.vmdk (sparse) or NAME-f001.vmdk (flat) … of 2 GiB
/// </code>
/// </summary>
internal sealed class ImageCreator : IImageCreator
{
    private const long SplitSize = 2L << 30;

    public JsonTypeInfo CreateOptionsType => VmdkJson.Default.VmdkCreateOptions;

    public IReadOnlyList<CreateOption> CreateOptions => CreateOptionTable.All;

    public IReadOnlyList<PlannedFile> PlanFiles(string fileName, JsonElement options)
    {
        var typed = Read(options);
        var plan = ExtentPlan.Of(typed.Subformat, RoundUp(typed.Size));
        return plan.IsInOneFile
            ? []
            : [.. plan.Lengths.Select((_, index) => new PlannedFile("extents", plan.NameOf(fileName, index)))];
    }

    public async ValueTask CreateAsync(IImageCreateContext context, JsonElement options, CancellationToken cancellationToken)
    {
        var typed = Read(options);
        Check(typed);
        var plan = ExtentPlan.Of(typed.Subformat, RoundUp(typed.Size));
        var file = await context.OpenStorageAsync(typed.File, cancellationToken).ConfigureAwait(false);
        var parent = typed.BackingFile is { } backing
            ? await ContentIdOfAsync(context, backing, cancellationToken).ConfigureAwait(false)
            : Descriptor.NoParent;
        await file.ResizeAsync(0, new ResizeOptions(MayExceed: true), cancellationToken).ConfigureAwait(false);
        var names = plan.IsInOneFile
            ? await MakeOneAsync(file, typed, plan, cancellationToken).ConfigureAwait(false)
            : await MakeExtentsAsync(context, typed, plan, cancellationToken).ConfigureAwait(false);
        var description = Encoding.UTF8.GetBytes(DescriptorText.Of(typed, plan, names, parent));
        if (plan.IsInOneFile && description.Length > SparseWriter.DescriptorSize)
            throw VmdkFault.Invalid("The image's description does not fit into its file");
        await file.WriteAsync(
            plan.IsInOneFile ? SparseWriter.DescriptorOffset : 0,
            description,
            WriteFlags.None,
            cancellationToken).ConfigureAwait(false);
        await file.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    private static VmdkCreateOptions Read(JsonElement options) => options.Deserialize(VmdkJson.Default.VmdkCreateOptions.Deep())!;

    private static void Check(VmdkCreateOptions options)
    {
        var isFlat = options.Subformat is BlockdevVmdkSubformat.MonolithicFlat or BlockdevVmdkSubformat.TwoGbMaxExtentFlat;
        if (options.Size < 0)
            throw new BlockException(ParameterFault.OutOfRange("size", "a non-negative number below 2^64"));
        if (options.Compat6 && options.Hwversion is not (null or DescriptorText.Undefined))
            throw VmdkFault.Invalid("compat6 cannot be enabled with hwversion set");
        if (options is { BackingFile: not null, BackingFmt: not (null or "vmdk") })
            throw VmdkFault.Invalid("backing_file must be a vmdk image");
        if (isFlat && options.BackingFile is not null)
            throw VmdkFault.Invalid("Flat image can't have backing file");
        if (isFlat && options.ZeroedGrain)
            throw VmdkFault.Invalid("Flat image can't enable zeroed grain");
        if (options.BackingFile?.AsSpan().IndexOfAny("\"\r\n") >= 0)
            throw VmdkFault.Invalid("The name of a backing file cannot have quotation marks or line ends");
    }

    private static async ValueTask<uint> ContentIdOfAsync(
        IImageCreateContext context, string backing, CancellationToken cancellationToken)
    {
        var image = await context.OpenImageAsync(backing, "vmdk", cancellationToken).ConfigureAwait(false);
        return image.TryGetFacet<IContentIdentity>(out var identity)
            ? identity.ContentId
            : throw VmdkFault.Invalid($"Invalid backing file format: {image.DriverName}. Must be vmdk");
    }

    private static async ValueTask<IReadOnlyList<string>> MakeOneAsync(
        IBlockChild file, VmdkCreateOptions options, ExtentPlan plan, CancellationToken cancellationToken)
    {
        if (options.Extents is { Count: > 0 })
            throw VmdkFault.Invalid("List of extents contains unused extents");
        await SparseWriter.WriteAsync(
            file, plan.Lengths[0], options.ZeroedGrain, plan.IsCompressed, cancellationToken).ConfigureAwait(false);
        return [NameOf(file)];
    }

    private static async ValueTask<IReadOnlyList<string>> MakeExtentsAsync(
        IImageCreateContext context, VmdkCreateOptions options, ExtentPlan plan, CancellationToken cancellationToken)
    {
        var names = new List<string>();
        for (var i = 0; i < plan.Lengths.Count; i++)
        {
            if (i >= (options.Extents?.Count ?? 0))
                throw VmdkFault.Invalid($"Extent [{i}] not specified");
            var extent = await context.OpenStorageAsync(options.Extents![i], cancellationToken).ConfigureAwait(false);
            await extent.ResizeAsync(0, new ResizeOptions(MayExceed: true), cancellationToken).ConfigureAwait(false);
            if (plan.IsFlat)
                await extent.ResizeAsync(
                    plan.Lengths[i], new ResizeOptions(MayExceed: true), cancellationToken).ConfigureAwait(false);
            else
                await SparseWriter.WriteAsync(
                    extent, plan.Lengths[i], options.ZeroedGrain, compressed: false, cancellationToken).ConfigureAwait(false);
            await extent.FlushAsync(cancellationToken).ConfigureAwait(false);
            names.Add(NameOf(extent));
        }

        return options.Extents?.Count > names.Count ? throw VmdkFault.Invalid("List of extents contains unused extents") : names;
    }

    private static string NameOf(IBlockChild file)
    {
        var name = file.FileName[(file.FileName.LastIndexOf('/') + 1)..];
        return name.AsSpan().IndexOfAny("\"\r\n") < 0
            ? name
            : throw VmdkFault.Invalid("The name of an extent cannot have quotation marks or line ends");
    }

    internal static long RoundUp(long bytes) =>
        bytes <= long.MaxValue - VmdkFault.SectorSize
            ? (bytes + VmdkFault.SectorSize - 1) / VmdkFault.SectorSize * VmdkFault.SectorSize
            : throw VmdkFault.TooBig("File too large");

    /// <summary>Which extents an image of a kind and length has.</summary>
    internal sealed record ExtentPlan(bool IsFlat, bool IsSplit, bool IsCompressed, IReadOnlyList<long> Lengths)
    {
        private const int MostExtents = 32768;

        public bool IsInOneFile => !IsFlat && !IsSplit;

        public static ExtentPlan Of(BlockdevVmdkSubformat subformat, long length)
        {
            var isFlat = subformat is BlockdevVmdkSubformat.MonolithicFlat or BlockdevVmdkSubformat.TwoGbMaxExtentFlat;
            var isSplit = subformat is BlockdevVmdkSubformat.TwoGbMaxExtentFlat or BlockdevVmdkSubformat.TwoGbMaxExtentSparse;
            if (isSplit && length / SplitSize >= MostExtents)
                throw VmdkFault.TooBig("File too large");
            IReadOnlyList<long> lengths = isSplit
                ? [.. Enumerable.Range(0, (int)((length + SplitSize - 1) / SplitSize))
                    .Select(i => Math.Min(SplitSize, length - i * SplitSize))]
                : [length];
            return new ExtentPlan(isFlat, isSplit, subformat == BlockdevVmdkSubformat.StreamOptimized, lengths);
        }

        /// <summary>Beside the image: its name with a suffix before the extension.</summary>
        public string NameOf(string image, int index)
        {
            var name = image.LastIndexOf('/') + 1;
            var dot = image.LastIndexOf('.');
            var (stem, extension) = dot > name ? (image[..dot], image[dot..]) : (image, "");
            return IsSplit ? $"{stem}-{(IsFlat ? 'f' : 's')}{index + 1:000}{extension}" : $"{stem}-flat{extension}";
        }
    }
}
