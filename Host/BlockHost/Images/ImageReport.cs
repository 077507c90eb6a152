// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;
using BlockHost.CommandLine;
using BlockHost.Composition;

namespace BlockHost.Images;

/// <summary>QAPI's ImageInfo of one image, printed as qemu-img does.</summary>
internal sealed record ImageReport
{
    public required ImageInfo Info { get; init; }

    public IReadOnlyList<SnapshotRecord> Snapshots { get; init; } = [];

    /// <param name="image">Opened without its backing files, which must not show in its name.</param>
    public static async ValueTask<ImageReport> OfAsync(
        ImageOpener images, OpenImage image, ImageSource source, CancellationToken cancellationToken)
    {
        var node = image.Node;
        var info = await images.Described.DescribeAsync(node, withBackingChain: false, cancellationToken);
        var isPlain = !source.IsOptions && FileNames.Protocol(source.Name) is null;
        return new ImageReport
        {
            Info = isPlain ? info with { FileName = source.Name } : info,
            Snapshots = node.FindSnapshotStore() is { } store ? await store.ListAsync(cancellationToken) : [],
        };
    }

    public JsonObject ToJson() => (JsonObject)JsonSerializer.SerializeToNode(Info, HostJson.Default.ImageInfo)!;

    public void Print(TextWriter output)
    {
        output.Write($"image: {Info.FileName}\nfile format: {Info.Format}\n");
        output.Write($"virtual size: {Sizes.Human(Info.VirtualSize)} ({Info.VirtualSize} bytes)\n");
        output.Write($"disk size: {(Info.ActualSize is { } actual ? Sizes.Human(actual) : "unavailable")}\n");
        if (Info.Encrypted == true)
            output.Write("encrypted: yes\n");
        if (Info.ClusterSize is { } cluster)
            output.Write($"cluster_size: {cluster}\n");
        if (Info.DirtyFlag == true)
            output.Write("cleanly shut down: no\n");
        PrintBacking(output);
        if (Snapshots.Count > 0)
            SnapshotTable.Print(output, Snapshots);
        if (Info.FormatSpecific is { } specific)
        {
            output.Write("Format specific information:\n");
            QemuJson.WriteHuman(output, JsonObject.Create(specific.Data)!, indentation: 1);
        }
    }

    private void PrintBacking(TextWriter output)
    {
        if (Info.BackingFileName is not { } backing)
            return;
        output.Write($"backing file: {backing}");
        if (Info.FullBackingFileName is not { } full)
            output.Write(" (cannot determine actual path)");
        else if (full != backing)
            output.Write($" (actual path: {full})");
        output.Write('\n');
        if (Info.BackingFileNameFormat is { } format)
            output.Write($"backing file format: {format}\n");
    }
}

/// <summary>The table of internal snapshots.</summary>
internal static class SnapshotTable
{
    public static void Print(TextWriter output, IReadOnlyList<SnapshotRecord> snapshots)
    {
        output.Write("Snapshot list:\n");
        PrintRows(output, snapshots);
    }

    public static void PrintRows(TextWriter output, IReadOnlyList<SnapshotRecord> snapshots)
    {
        output.Write($"{"ID",-10}{"TAG",-17}{"VM SIZE",8}{"DATE",20}{"VM CLOCK",13}{"ICOUNT",11}\n");
        foreach (var snapshot in snapshots)
        {
            var clock = snapshot.VmClock;
            var date = snapshot.Date.ToLocalTime().ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);
            var time = $"{(long)clock.TotalHours:00}:{clock.Minutes:00}:{clock.Seconds:00}.{clock.Milliseconds:000}";
            output.Write(
                $"{snapshot.Id,-9} {snapshot.Name,-16} {Sizes.Human(snapshot.VmStateSize),8}{date,20}{time,13}{snapshot.InstructionCount,11}\n");
        }
    }
}
