// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Conformance.TestHost;
using BlockHost.Objects;
using BlockHost.Plugins;

namespace BlockHost.Conformance;

/// <summary>What a driver does with data.</summary>
public enum SubjectData
{
    /// <summary>A read gives what was last written.</summary>
    Stored = 0,

    /// <summary>Writes are accepted and dropped; reads give zeroes.</summary>
    Zeroes = 1,

    /// <summary>Writes are accepted and dropped; reads leave or give anything.</summary>
    Undefined = 2,
}

/// <summary>A driver under test, and how to get an image for it.</summary>
public sealed record BlockDriverSubject
{
    /// <summary>As the report names it: "qcow2, 64 KiB clusters, backing".</summary>
    public required string Name { get; init; }

    public required BlockDriver Driver { get; init; }

    /// <summary>Makes a fresh image; called for every sequence, and disposed of after it.</summary>
    public required Func<CancellationToken, ValueTask<SubjectImage>> CreateImage { get; init; }

    /// <summary>The images cannot be written.</summary>
    public bool ReadOnly { get; init; }

    /// <summary>The nodes are opened with cache.direct=on.</summary>
    public bool CacheDirect { get; init; }

    /// <summary>False: the storage has a length of its own (a device), and resizes are left out.</summary>
    public bool Resizable { get; init; } = true;

    /// <summary>The format knows no free places: what a resize frees stays unused, and a check may count it.</summary>
    public bool LosesSpace { get; init; }

    public SubjectData Data { get; init; } = SubjectData.Stored;

    /// <summary>Bytes that a read or a write that completes synchronously may allocate.</summary>
    public long AllocationBudget { get; init; }

    /// <summary>The driver keeps its data in several children and goes on where one fails: its users need not see that.</summary>
    public bool Redundant { get; init; }

    /// <summary>
    /// The driver is there to find children that do not answer alike, and does nothing more when one fails alone.
    /// </summary>
    public bool GivesUp { get; init; }

    /// <summary>
    /// An image that was not closed is not written before it has been repaired: the kit repairs it, as its user would.
    /// </summary>
    public bool RepairFirst { get; init; }

    /// <summary>The image can be opened for reading only: not where its options ask for more.</summary>
    public bool OpensReadOnly { get; init; } = true;

    /// <summary>What is flushed must survive a power cut: not for drivers whose storage the kit cannot cut off.</summary>
    public bool PowerCut { get; init; } = true;
}

/// <summary>A child's storage for one image.</summary>
public sealed record SubjectChild(MemoryImage Image, BlockChildRole Role = BlockChildRole.Image, bool ReadOnly = false);

/// <summary>One image to open, any number of times in a row.</summary>
public sealed class SubjectImage : IAsyncDisposable
{
    /// <summary>
    /// The driver's options, without the common members; children are referred to by their key in <see cref="Children"/>.
    /// </summary>
    public required JsonElement Options { get; init; }

    /// <summary>Virtual length in bytes as it will be when opened.</summary>
    public required long Length { get; init; }

    /// <summary>What the image reads as at first; shorter than <see cref="Length"/>: zeroes follow.</summary>
    public ReadOnlyMemory<byte> Content { get; init; }

    public IReadOnlyDictionary<string, SubjectChild> Children { get; init; } = new Dictionary<string, SubjectChild>();

    /// <summary>Objects that the options refer to, by id: makes them on the host of one session.</summary>
    public Func<IPluginHost, IReadOnlyDictionary<string, UserObject>>? CreateObjects { get; init; }

    /// <summary>For nodes with a transport: makes the peer stop answering, so that requests hang until a yank.</summary>
    public Action? StallTransport { get; init; }

    /// <summary>Takes away what the image left behind.</summary>
    public Func<ValueTask>? Cleanup { get; init; }

    /// <summary>The same image over other storage.</summary>
    public SubjectImage WithChildren(IReadOnlyDictionary<string, SubjectChild> children) =>
        new() { Options = Options, Length = Length, Content = Content, Children = children, CreateObjects = CreateObjects };

    public ValueTask DisposeAsync() => Cleanup?.Invoke() ?? ValueTask.CompletedTask;
}
