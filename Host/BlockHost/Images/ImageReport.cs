// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Text.Json.Nodes;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Block.Graph;
using BlockHost.CommandLine;

namespace BlockHost.Images;

/// <summary>QAPI's ImageInfo of one image, printed as qemu-img does.</summary>
internal sealed record ImageReport
{
    public required string FileName { get; init; }

    public required string Format { get; init; }

    public required long Length { get; init; }

    public required ImageFacts Facts { get; init; }

    public long? ActualSize { get; init; }

    /// <summary>The backing file's name resolved against the image's own, or null.</summary>
    public string? FullBackingFileName { get; init; }

    public string? BackingFormat => Facts.Backing?.Format;

    public IReadOnlyList<SnapshotRecord> Snapshots { get; init; } = [];

    /// <param name="image">Opened without its backing files, which must not show in its name.</param>
    public static async ValueTask<ImageReport> OfAsync(OpenImage image, ImageSource source, CancellationToken cancellationToken)
    {
        var node = image.Node;
        var isPlain = !source.IsOptions && FileNames.Protocol(source.Name) is null;
        var fileName = isPlain ? source.Name : node.FileName;
        var facts = await node.GetFactsAsync(cancellationToken);
        var snapshots = node.TryGetFacet<ISnapshotStore>(out var store) ? await store.ListAsync(cancellationToken) : [];
        return new ImageReport
        {
            FileName = fileName,
            Format = node.Driver.FormatName,
            Length = node.Length,
            Facts = facts,
            ActualSize = await AllocatedAsync(node, facts, cancellationToken),
            FullBackingFileName = facts.Backing is { } backing ? FileNames.Resolve(fileName, backing.FileName) : null,
            Snapshots = snapshots,
        };
    }

    /// <summary>Bytes on storage: the node's own, else the sum of what stores its data and metadata.</summary>
    private static async ValueTask<long?> AllocatedAsync(IGraphNode node, ImageFacts facts, CancellationToken cancellationToken)
    {
        if (facts.AllocatedSize is { } own)
            return own;
        // A filter that stands in names where a protocol does knows of no storage, as in QEMU.
        if (node.Driver is { Kind: BlockDriverKind.Filter, FileNamePrefixes.Count: > 0 })
            return null;
        const BlockChildRole stores = BlockChildRole.Data | BlockChildRole.Metadata | BlockChildRole.Filtered;
        long? sum = null;
        foreach (var edge in node.Children.Where(edge => (edge.Role & stores) != 0))
        {
            var child = await edge.Child.GetFactsAsync(cancellationToken);
            if (await AllocatedAsync(edge.Child, child, cancellationToken) is { } bytes)
                sum = (sum ?? 0) + bytes;
        }

        return sum;
    }

    public JsonObject ToJson()
    {
        var json = new JsonObject
        {
            ["filename"] = FileName,
            ["format"] = Format,
            ["virtual-size"] = Length,
        };
        if (Facts.IsKnown)
            json["dirty-flag"] = Facts.Dirty ?? false;
        if (ActualSize is { } actual)
            json["actual-size"] = actual;
        if (Facts.Encrypted)
            json["encrypted"] = true;
        if (Facts.Compressed)
            json["compressed"] = true;
        if (Facts.ClusterSize != 0)
            json["cluster-size"] = Facts.ClusterSize;
        AddBacking(json);
        if (Snapshots.Count > 0)
            json["snapshots"] = new JsonArray([.. Snapshots.Select(SnapshotJson)]);
        if (SpecificNode() is { } specific)
            json["format-specific"] = new JsonObject { ["type"] = Format, ["data"] = specific };
        return json;
    }

    public void Print(TextWriter output)
    {
        output.Write($"image: {FileName}\nfile format: {Format}\n");
        output.Write($"virtual size: {Sizes.Human(Length)} ({Length} bytes)\n");
        output.Write($"disk size: {(ActualSize is { } actual ? Sizes.Human(actual) : "unavailable")}\n");
        if (Facts.Encrypted)
            output.Write("encrypted: yes\n");
        if (Facts.ClusterSize != 0)
            output.Write($"cluster_size: {Facts.ClusterSize}\n");
        if (Facts.Dirty == true)
            output.Write("cleanly shut down: no\n");
        PrintBacking(output);
        if (Snapshots.Count > 0)
            SnapshotTable.Print(output, Snapshots);
        if (SpecificNode() is { } specific)
        {
            output.Write("Format specific information:\n");
            QemuJson.WriteHuman(output, specific, indentation: 1);
        }
    }

    private JsonObject? SpecificNode() =>
        Facts.Specific is { } specific ? JsonObject.Create(specific) : null;

    private void AddBacking(JsonObject json)
    {
        if (Facts.Backing is not { } backing)
            return;
        json["backing-filename"] = backing.FileName;
        if (FullBackingFileName is { } full)
            json["full-backing-filename"] = full;
        if (backing.Format is { } format)
            json["backing-filename-format"] = format;
    }

    private void PrintBacking(TextWriter output)
    {
        if (Facts.Backing is not { } backing)
            return;
        output.Write($"backing file: {backing.FileName}");
        if (FullBackingFileName is null)
            output.Write(" (cannot determine actual path)");
        else if (FullBackingFileName != backing.FileName)
            output.Write($" (actual path: {FullBackingFileName})");
        output.Write('\n');
        if (backing.Format is { } format)
            output.Write($"backing file format: {format}\n");
    }

    private static JsonNode SnapshotJson(SnapshotRecord snapshot)
    {
        var json = new JsonObject
        {
            ["id"] = snapshot.Id,
            ["name"] = snapshot.Name,
            ["vm-state-size"] = snapshot.VmStateSize,
            ["date-sec"] = snapshot.Date.ToUnixTimeSeconds(),
            ["date-nsec"] = snapshot.DateNanoseconds,
            ["vm-clock-sec"] = snapshot.VmClock.Ticks / TimeSpan.TicksPerSecond,
            ["vm-clock-nsec"] = snapshot.VmClockNanoseconds,
        };
        if (snapshot.InstructionCount is { } count)
            json["icount"] = count;
        return json;
    }
}

/// <summary>The table of internal snapshots.</summary>
internal static class SnapshotTable
{
    public static void Print(TextWriter output, IReadOnlyList<SnapshotRecord> snapshots)
    {
        output.Write("Snapshot list:\n");
        output.Write($"{"ID",-10}{"TAG",-17}{"VM SIZE",8}{"DATE",20}{"VM CLOCK",13}{"ICOUNT",11}\n");
        foreach (var snapshot in snapshots)
        {
            var clock = snapshot.VmClock;
            var date = snapshot.Date.ToLocalTime().ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);
            var time = $"{(long)clock.TotalHours:00}:{clock.Minutes:00}:{clock.Seconds:00}.{clock.Milliseconds:000}";
            output.Write($"{snapshot.Id,-9} {snapshot.Name,-16} {Sizes.Human(snapshot.VmStateSize),8}{date,20}{time,13}{snapshot.InstructionCount,11}\n");
        }
    }
}
