// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Ssh.Transport;
using BlockHost.Remote;

namespace BlockHost.Plugins.Block.Ssh;

/// <summary>A file of another machine. Its virtual size is the file's, rounded up to whole sectors.</summary>
internal sealed class SshNode : BlockNode, IResizable, IReopenable
{
    private const int SectorSize = 512;

    /// <summary>Where the host's arithmetic with rounded sizes still holds.</summary>
    private const long MaxLength = long.MaxValue - (1 << 30);

    private readonly FileOpener _files;
    private readonly Lifeline _lifeline;
    private readonly Lock _growth = new();
    private readonly JsonElement _options;
    private readonly bool _ignoresFlushes;
    private volatile RemoteFile _file;
    private BlockProfile _profile;
    private Task _retired = Task.CompletedTask;

    /// <exception cref="BlockException">The file's length is impossible.</exception>
    public SshNode(
        IBlockNodeContext context, FileOpener files, RemoteFile file, Lifeline lifeline, JsonElement options, string? fileName,
        long length)
    {
        if (length is < 0 or > MaxLength)
            throw new BlockException(BlockErrorKind.InvalidArgument, $"The server reports an impossible size of {length} bytes");
        (_files, _file, _lifeline, _options, FileName) = (files, file, lifeline, options.Clone(), fileName);
        _ignoresFlushes = context.CacheNoFlush;
        _profile = new BlockProfile
        {
            Length = Rounded(length),
            Limits = new BlockLimits { OptimalTransfer = 256 << 10 },
            Writable = !context.ReadOnly,
            Growable = !context.ReadOnly,
            NewStorageReadsZero = true,
            Flush = Support.Native,
        };
    }

    public override BlockProfile Profile => _profile;

    public override string? FileName { get; }

    public override ValueTask ReadAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken) =>
        Refusal(cancellationToken) ?? _file.ReadAsync(offset, target);

    public override ValueTask WriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken) =>
        Refusal(cancellationToken) ?? WriteAsync(offset, source);

    public override ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        if (Refusal(cancellationToken) is { } refusal)
            return refusal;
        if (_ignoresFlushes)
            return default;
        return _file.CanFlush
            ? _file.FlushAsync()
            : ValueTask.FromException(
                new BlockException(
                    BlockErrorKind.NotSupported, "the SSH server does not support fsync (OpenSSH does from 6.3 on)"));
    }

    public async ValueTask ResizeAsync(long length, ResizeOptions options, CancellationToken cancellationToken)
    {
        if (options.Preallocation != PreallocationMode.Off)
            throw new BlockException(
                BlockErrorKind.NotSupported,
                $"Unsupported preallocation mode '{options.Preallocation.ToString().ToLowerInvariant()}'");
        cancellationToken.ThrowIfCancellationRequested();
        await _file.SetLengthAsync(length).ConfigureAwait(false);
        lock (_growth)
            _profile = _profile with { Length = Rounded(length) };
    }

    /// <summary>Nothing of what says which file this is can change; for other rights it is opened once more.</summary>
    public async ValueTask<IReopenStep> PrepareReopenAsync(
        IBlockNodeContext context, JsonElement options, CancellationToken cancellationToken)
    {
        OptionChanges.Refuse(_options, options);
        var writable = !context.ReadOnly;
        if (writable == _profile.Writable)
            return new Reopening(this, next: null, writable);
        try
        {
            return new Reopening(this, await _files.OpenAsync(writable, cancellationToken).ConfigureAwait(false), writable);
        }
        catch (RemoteFault fault)
        {
            throw new BlockException(BlockErrorKind.Io, fault.Message, innerException: fault);
        }
    }

    public override async ValueTask DisposeAsync()
    {
        await _lifeline.CloseAsync().ConfigureAwait(false);
        await _file.DisposeAsync().ConfigureAwait(false);
        await _retired.ConfigureAwait(false);
    }

    private async ValueTask WriteAsync(long offset, IoSlice source)
    {
        await _file.WriteAsync(offset, source).ConfigureAwait(false);
        if (offset + source.Length <= _profile.Length)
            return;
        lock (_growth)
            _profile = _profile with { Length = Math.Max(_profile.Length, Rounded(offset + source.Length)) };
    }

    private ValueTask? Refusal(CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled(cancellationToken);
        return _lifeline.Token.IsCancellationRequested
            ? ValueTask.FromException(_lifeline.Error("The request failed"))
            : null;
    }

    private static long Rounded(long length) => (length + SectorSize - 1) / SectorSize * SectorSize;

    private sealed class Reopening(SshNode node, RemoteFile? next, bool writable) : IReopenStep
    {
        public void Commit()
        {
            if (next is null)
                return;
            node._retired = Task.WhenAll(node._retired, node._file.DisposeAsync().AsTask());
            node._file = next;
            node._profile = node._profile with { Writable = writable, Growable = writable };
        }

        public ValueTask AbortAsync() => next?.DisposeAsync() ?? default;
    }
}
