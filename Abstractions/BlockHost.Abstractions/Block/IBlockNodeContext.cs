// SPDX-License-Identifier: MIT
using BlockHost.Plugins;

namespace BlockHost.Block;

public enum DetectZeroes
{
    Off = 0,
    On = 1,
    Unmap = 2,
}

/// <summary>A backing file as an image's header records it.</summary>
/// <param name="FileName">As stored: absolute, relative to the image, json: or protocol:.</param>
/// <param name="Format">Driver name, or null where the header does not say.</param>
public sealed record BackingFileReference(string FileName, string? Format);

/// <summary>
/// The host's side of one node: what it is opened with, its children, and what it reports. Children can be opened
/// only until the driver's OpenAsync returns (and inside a reopen); the rest holds for the node's life.
/// </summary>
public interface IBlockNodeContext
{
    string NodeName { get; }

    /// <summary>The node must not be written.</summary>
    bool ReadOnly { get; }

    /// <summary>The user allows a fall back to read-only: see <see cref="FallBackToReadOnly"/>.</summary>
    bool AutoReadOnly { get; }

    /// <summary>cache.direct: bypass the host's page cache.</summary>
    bool CacheDirect { get; }

    /// <summary>cache.no-flush: flushes may be left out.</summary>
    bool CacheNoFlush { get; }

    /// <summary>discard=unmap: discards are passed down.</summary>
    bool DiscardUnmap { get; }

    DetectZeroes DetectZeroes { get; }

    /// <summary>force-share: take no locks against other writers (read-only nodes).</summary>
    bool ForceShare { get; }

    /// <summary>Only metadata will be looked at (image information): a driver may leave out costly work.</summary>
    bool NoIo { get; }

    /// <summary>
    /// What block_passwd has given for an encrypted image whose options name no secret; null: nothing. Never to be kept.
    /// </summary>
    ReadOnlyMemory<byte>? Password => null;

    /// <summary>
    /// The node will be inactive: an encrypted image is opened without its key where none is given, for nothing but its metadata,
    /// and says so (<see cref="Facets.ImageFacts.IsKeyMissing"/>).
    /// </summary>
    bool PasswordMayBeMissing => false;

    /// <summary>
    /// The backing file is left out: only what the image holds itself counts, or another node comes in its place.
    /// </summary>
    bool NoBacking => false;

    /// <summary>
    /// The image will be checked and perhaps repaired: damage that a check can mend does not keep it from being opened,
    /// and opening repairs nothing by itself.
    /// </summary>
    bool ForRepair { get; }

    /// <summary>
    /// Nobody named the image's format: it was guessed from the first bytes, which only tools allow. A raw image must
    /// then not be given bytes there for which the next guess would be another.
    /// </summary>
    bool IsProbed => false;

    /// <summary>A driver that works with the graph itself finds the rest behind <see cref="Graph.GraphAccess"/>.</summary>
    IDriverHost Host { get; }

    /// <summary>
    /// Opens or references a child; the host closes it after the node. <see cref="ChildOpening"/> has the usual cases.
    /// </summary>
    /// <returns>Null where the child is optional and nothing names one.</returns>
    ValueTask<IBlockChild?> OpenChildAsync(ChildSpec child, CancellationToken cancellationToken);

    /// <summary>
    /// The backing child: by <paramref name="option"/> where the user gave one ("" and null mean none), else by what
    /// the header records, resolved against this node's own file name. Null where there is none.
    /// </summary>
    ValueTask<IBlockChild?> OpenBackingAsync(
        BlockdevRefOrNull? option, BackingFileReference? recorded, CancellationToken cancellationToken);

    /// <summary>
    /// Whether an image that begins with <paramref name="head"/> is taken for one of another format than this node's.
    /// </summary>
    ValueTask<bool> IsForeignAsync(ReadOnlyMemory<byte> head, CancellationToken cancellationToken) => new(false);

    /// <summary>Called inside OpenAsync by a driver that could open only for reading although writing was asked for.</summary>
    /// <exception cref="BlockException">The user did not allow it; the message is <paramref name="reason"/>.</exception>
    void FallBackToReadOnly(string reason);

    /// <summary>
    /// Makes the node one that can be yanked (a <c>block-node</c> instance of query-yank), from now on, also while it opens,
    /// until it is closed or the result is disposed. For drivers whose peer may never answer.
    /// </summary>
    /// <param name="shutDown">
    /// Called out of band, from any thread at any time, perhaps more than once: shuts the transport down so that what is in
    /// flight, opening included, fails with <see cref="BlockErrorKind.Yanked"/>. Takes no lock that I/O can hold, and does not
    /// block.
    /// </param>
    IDisposable OnYank(Action shutDown);

    /// <summary>The node's profile has changed (a device grew).</summary>
    void ProfileChanged();

    /// <summary>Emits BLOCK_IMAGE_CORRUPTED once for the node.</summary>
    /// <param name="fatal">The image was marked corrupt and takes no more writes.</param>
    void ReportCorruption(string message, long? offset, long? size, bool fatal);

    /// <summary>
    /// The node has found that nothing above it can be believed any more. A tool prints the message and ends, as QEMU's do, and
    /// the task never completes. A daemon goes on and emits BLOCK_IMAGE_CORRUPTED; the node fails its requests from then on.
    /// </summary>
    ValueTask GiveUpAsync(string message, long? offset, long? size)
    {
        ReportCorruption(message, offset, size, fatal: true);
        return ValueTask.CompletedTask;
    }
}
