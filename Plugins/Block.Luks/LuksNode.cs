// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Crypto.Luks;
using BlockHost.Crypto.Sectors;
using BlockHost.Plugins.Block.Luks.Maintenance;

namespace BlockHost.Plugins.Block.Luks;

/// <summary>
/// An open volume. The disk is the file behind the header, sector by sector, so a request goes to one place; what is read is
/// decrypted where it arrived, and what is written is encrypted into a buffer of ours.
/// </summary>
/// <param name="cipher">Null: nobody reads or writes.</param>
/// <param name="keySecret">What the image was opened with.</param>
internal sealed class LuksNode(
    IBlockNodeContext context, IBlockChild file, LuksImage image, SectorCipher? cipher, string? keySecret)
    : BlockNode, IImageInfo, IResizable, IReopenable, IImageAmend
{
    /// <summary>Of what is written, what is in a buffer at once.</summary>
    private const int PieceBytes = 1 << 20;

    private readonly SectorRequests? _sectors = cipher is null ? null : new SectorRequests(cipher);
    private LuksImage _image = image;
    private bool _isReadOnly = context.ReadOnly;
    private BlockProfile? _profile;

    /// <summary>Follows the file, which others may resize.</summary>
    public override BlockProfile Profile
    {
        get
        {
            var length = DiskLength(file.Length);
            return _profile is { } known && known.Length == length && known.Writable != _isReadOnly
                ? known
                : _profile = MakeProfile(length);
        }
    }

    public IReadOnlyList<CreateOption> AmendOptions => OptionTables.Amend;

    public JsonTypeInfo? AmendOptionsType => LuksJson.Default.LuksAmendOptions;

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public override async ValueTask ReadAsync(
        long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken)
    {
        await file.ReadAsync(
            BlkdebugEvent.ReadAio, _image.PayloadOffset + offset, target, flags, cancellationToken).ConfigureAwait(false);
        await Sectors.DecryptAsync(target, SectorOf(offset)).ConfigureAwait(false);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public override async ValueTask WriteAsync(
        long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken)
    {
        using var buffer = context.Host.Buffers.Rent((int)Math.Min(source.Length, PieceBytes));
        for (long done = 0; done < source.Length;)
        {
            var piece = buffer.Memory[..(int)Math.Min(source.Length - done, PieceBytes)];
            await Sectors.EncryptAsync(source.Slice(done, piece.Length), piece, SectorOf(offset + done)).ConfigureAwait(false);
            await file.WriteAsync(
                BlkdebugEvent.WriteAio,
                _image.PayloadOffset + offset + done,
                piece,
                flags,
                cancellationToken).ConfigureAwait(false);
            done += piece.Length;
        }
    }

    public override ValueTask FlushAsync(CancellationToken cancellationToken) => file.FlushAsync(cancellationToken);

    /// <summary>All of it is data: zeroes of the file mean something else, and nobody can read the file's own bytes.</summary>
    public override ValueTask<BlockStatus> GetStatusAsync(
        long offset, long bytes, StatusPrecision precision, CancellationToken cancellationToken) =>
        new(new BlockStatus(bytes, BlockStatusFlags.Data | BlockStatusFlags.Allocated));

    public ValueTask<ImageFacts> GetFactsAsync(CancellationToken cancellationToken) => new(new ImageFacts
    {
        Dirty = false,
        Encrypted = true,
        IsKeyMissing = cipher is null,
        Specific = JsonSerializer.SerializeToElement(
            LuksInfo.Of(_image.Header, _image.Settings), LuksJson.Default.LuksInfo),
    });

    public async ValueTask ResizeAsync(long length, ResizeOptions options, CancellationToken cancellationToken)
    {
        var before = Profile.Length;
        if (length > long.MaxValue - _image.PayloadOffset)
            throw new BlockException(BlockErrorKind.InvalidArgument, "The requested file size is too large", Errno.EFBIG);
        await file.ResizeAsync(_image.PayloadOffset + length, options, cancellationToken).ConfigureAwait(false);
        if (options.ZeroNewArea)
            await WriteZeroesBehindAsync(before, cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask AmendAsync(
        JsonElement options, bool force, IProgress<(long Done, long Total)>? progress, CancellationToken cancellationToken)
    {
        LuksAmendOptions.RequireState(options);
        var typed = options.Deserialize(LuksJson.Default.LuksAmendOptions)!;
        var host = context.Host;
        var amendment = new LuksAmendment(_image.Area, typed, keySecret, host.Objects, host.Clock, force);
        _image = _image with { Header = await amendment.RunAsync(cancellationToken).ConfigureAwait(false) };
    }

    public ValueTask<IReopenStep> PrepareReopenAsync(
        IBlockNodeContext context, JsonElement options, CancellationToken cancellationToken) =>
        new(new ReopenStep(this, context.ReadOnly));

    public override ValueTask DisposeAsync()
    {
        cipher?.Dispose();
        return ValueTask.CompletedTask;
    }

    private SectorRequests Sectors => _sectors
        ?? throw new BlockException(BlockErrorKind.PermissionDenied, "The image was opened without its key");

    private static ulong SectorOf(long offset) => (ulong)offset / SectorCipher.SectorBytes;

    /// <summary>The file's zeroes are something else when they are decrypted.</summary>
    private async ValueTask WriteZeroesBehindAsync(long offset, CancellationToken cancellationToken)
    {
        var zeroes = new byte[PieceBytes];
        for (var end = Profile.Length; offset < end;)
        {
            var piece = zeroes.AsMemory(0, (int)Math.Min(zeroes.Length, end - offset));
            await WriteAsync(offset, piece, WriteFlags.None, cancellationToken).ConfigureAwait(false);
            offset += piece.Length;
        }
    }

    /// <summary>Whole sectors; what a last, partial one lacks of the file is zero there.</summary>
    private long DiskLength(long fileLength)
    {
        var bytes = Math.Max(0, fileLength - _image.PayloadOffset);
        return bytes > long.MaxValue - SectorCipher.SectorBytes
            ? bytes / SectorCipher.SectorBytes * SectorCipher.SectorBytes
            : (bytes + SectorCipher.SectorBytes - 1) / SectorCipher.SectorBytes * SectorCipher.SectorBytes;
    }

    private BlockProfile MakeProfile(long length)
    {
        var storage = file.Profile;
        return new()
        {
            Length = length,
            Writable = !_isReadOnly,
            Growable = storage.Growable,
            Flush = _isReadOnly ? Support.None : Support.Native,
            Fua = storage.Fua == Support.Native && !_isReadOnly ? Support.Native : Support.Emulate,
            WriteZeroes = _isReadOnly ? Support.None : Support.Emulate,
            Status = Support.Native,
            Limits = new BlockLimits { RequestAlignment = SectorCipher.SectorBytes },
        };
    }

    private sealed class ReopenStep(LuksNode node, bool readOnly) : IReopenStep
    {
        public void Commit() => node._isReadOnly = readOnly;

        public ValueTask AbortAsync() => ValueTask.CompletedTask;
    }
}
