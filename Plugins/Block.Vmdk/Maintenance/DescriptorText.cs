// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Text;
using BlockHost.Plugins.Block.Vmdk.Format;

namespace BlockHost.Plugins.Block.Vmdk.Maintenance;

/// <summary>The description of a new image.</summary>
internal static class DescriptorText
{
    /// <summary>What the command line has for a hardware version that is not given.</summary>
    public const string Undefined = "undefined";

    private const string Version4 = "4";
    private const string Version6 = "6";
    private const string NewestTools = "2147483647";
    private const int SectorsPerTrack = 63;

    public static string Of(
        VmdkCreateOptions options, ImageCreator.ExtentPlan plan, IReadOnlyList<string> names, uint parentContentId)
    {
        var id = (uint)Random.Shared.NextInt64(1, Descriptor.NoParent);
        var heads = options.AdapterType == BlockdevVmdkAdapterType.Ide ? 16 : 255;
        var cylinders = plan.Lengths.Sum() / VmdkFault.SectorSize / (SectorsPerTrack * heads);
        var version = options.Hwversion is null or Undefined ? options.Compat6 ? Version6 : Version4 : options.Hwversion;
        var text = new StringBuilder();
        text.Append(
            CultureInfo.InvariantCulture,
            $"# Disk DescriptorFile\nversion=1\nCID={id:x8}\nparentCID={parentContentId:x8}\ncreateType=\"{TypeOf(options.Subformat)}\"\n");
        if (options.BackingFile is { } backing)
            text.Append(CultureInfo.InvariantCulture, $"parentFileNameHint=\"{backing}\"");
        text.Append("\n# Extent description\n");
        foreach (var (name, length) in names.Zip(plan.Lengths))
            text.Append(
                CultureInfo.InvariantCulture,
                $"RW {length / VmdkFault.SectorSize} {(plan.IsFlat ? $"FLAT \"{name}\" 0" : $"SPARSE \"{name}\"")}\n");
        text.Append("\n# The Disk Data Base\n#DDB\n\n");
        text.Append(
            CultureInfo.InvariantCulture, $"ddb.virtualHWVersion = \"{version}\"\nddb.geometry.cylinders = \"{cylinders}\"\n");
        text.Append(
            CultureInfo.InvariantCulture, $"ddb.geometry.heads = \"{heads}\"\nddb.geometry.sectors = \"{SectorsPerTrack}\"\n");
        text.Append(
            CultureInfo.InvariantCulture,
            $"ddb.adapterType = \"{AdapterOf(options.AdapterType)}\"\nddb.toolsVersion = \"{options.Toolsversion ?? NewestTools}\"\n");
        return text.ToString();
    }

    private static string TypeOf(BlockdevVmdkSubformat subformat) => subformat switch
    {
        BlockdevVmdkSubformat.MonolithicFlat => "monolithicFlat",
        BlockdevVmdkSubformat.TwoGbMaxExtentSparse => "twoGbMaxExtentSparse",
        BlockdevVmdkSubformat.TwoGbMaxExtentFlat => "twoGbMaxExtentFlat",
        BlockdevVmdkSubformat.StreamOptimized => "streamOptimized",
        _ => "monolithicSparse",
    };

    private static string AdapterOf(BlockdevVmdkAdapterType adapter) => adapter switch
    {
        BlockdevVmdkAdapterType.Buslogic => "buslogic",
        BlockdevVmdkAdapterType.Lsilogic => "lsilogic",
        BlockdevVmdkAdapterType.LegacyEsx => "legacyESX",
        _ => "ide",
    };
}
