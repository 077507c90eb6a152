// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Plugins.Block.Vvfat.Folder;
using BlockHost.Plugins.Block.Vvfat.Layout;

namespace BlockHost.Plugins.Block.Vvfat.Writing;

/// <summary>
/// The disk as it was made, so that it can be made again of a folder that has changed since. Never written twice.
/// </summary>
internal sealed record LayoutRecord
{
    public required int Bits { get; init; }

    public required bool IsFloppy { get; init; }

    public required int Heads { get; init; }

    public required int SectorsPerTrack { get; init; }

    public required uint Start { get; init; }

    public required uint Sectors { get; init; }

    public required int SectorsPerCluster { get; init; }

    public required int RootEntries { get; init; }

    public required byte[] Label { get; init; }

    public required byte[] Root { get; init; }

    public required IReadOnlyList<RunRecord> Runs { get; init; }
}

/// <param name="Path">Of the file when the disk was made.</param>
/// <param name="Directory">Content of a directory; null: a file's.</param>
internal sealed record RunRecord(uint First, uint Count, string Path, FileIdentity Identity, byte[]? Directory);

/// <summary>What the folder holds of the guest's disk, after the last time it was brought up to date.</summary>
internal sealed record StateRecord
{
    public required IReadOnlyList<ItemRecord> Items { get; init; }

    /// <summary>
    /// Where files are by now that the disk was made of, where they have been moved: by the number of their run.
    /// </summary>
    public required IReadOnlyList<MovedRecord> Moved { get; init; }

    /// <summary>Of the next file that is moved or made.</summary>
    public int NextNumber { get; init; }

    /// <summary>Each path and each run is there once, and the layout has the run.</summary>
    public bool IsOf(DiskLayout layout) =>
        Items.DistinctBy(item => item.Path, StringComparer.Ordinal).Count() == Items.Count
            && Items.All(item => item.Run >= -1 && item.Run < layout.Runs.Count)
            && Moved.DistinctBy(moved => moved.Run).Count() == Moved.Count
            && Moved.All(moved => moved.Run >= 0 && moved.Run < layout.Runs.Count);
}

/// <param name="Run">Of the layout, whose content the file has; -1: the file was made from the guest's disk.</param>
internal sealed record ItemRecord(
    string Path, bool IsFolder, uint Size, IReadOnlyList<ClusterSpan> Chain, FileIdentity Identity, int Run);

/// <param name="InJournal">Else in the folder.</param>
internal sealed record MovedRecord(int Run, string Path, bool InJournal);

/// <summary>
/// All that is to be done to the folder, and what it holds then. Written before the first step, which makes it certain.
/// </summary>
internal sealed record PlanRecord
{
    public required IReadOnlyList<PlanStep> Steps { get; init; }

    public required StateRecord Result { get; init; }
}

[JsonConverter(typeof(JsonStringEnumConverter<StepKind>))]
internal enum StepKind
{
    /// <summary>From the folder into the journal.</summary>
    TakeOut,
    RemoveFolder,
    MakeFolder,

    /// <summary>From the journal into the folder.</summary>
    PutIn,

    /// <summary>In the journal.</summary>
    Delete,
}

/// <param name="Path">In the folder.</param>
/// <param name="File">In the journal.</param>
/// <param name="Identity">Of what is taken out. Anything else there has come by a later step.</param>
internal sealed record PlanStep(StepKind Kind, string Path, string File, FileIdentity Identity = default);

// What the generator writes by itself makes an empty array of bytes of none: a file would come back as an empty directory.
[JsonSourceGenerationOptions(MaxDepth = 16, GenerationMode = JsonSourceGenerationMode.Metadata)]
[JsonSerializable(typeof(LayoutRecord))]
[JsonSerializable(typeof(StateRecord))]
[JsonSerializable(typeof(PlanRecord))]
internal sealed partial class JournalJson : JsonSerializerContext;
