// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Remote.Caching;
using BlockHost.Remote.Reading;
using BlockHost.Remote.Transfers;

namespace BlockHost.Remote;

/// <summary>
/// An object on a server as a disk that can be read: its length rounded up to whole sectors, with zeroes behind the end.
/// <code>
///   node ─► cache file ─► read-ahead ─► transfers ─► object       the first two where they are wanted
/// </code>
/// </summary>
public sealed class RemoteNode : BlockNode, IReopenable
{
    private const int SectorSize = 512;

    /// <summary>Where the host's arithmetic with rounded sizes still holds.</summary>
    private const long MaxSize = long.MaxValue - (1 << 30);

    private readonly IRemoteObject _object;
    private readonly Lifeline _lifeline;
    private readonly JsonElement _options;
    private readonly ReadAhead _readAhead;
    private readonly CachedRange? _cache;

    private RemoteNode(
        IRemoteObject remote, Lifeline lifeline, JsonElement options, string? fileName, ReadAhead readAhead, CachedRange? cache)
    {
        (_object, _lifeline, _options, FileName) = (remote, lifeline, options.Clone(), fileName);
        (_readAhead, _cache) = (readAhead, cache);
        Profile = new BlockProfile { Length = (remote.Length + SectorSize - 1) / SectorSize * SectorSize };
    }

    public override BlockProfile Profile { get; }

    public override string? FileName { get; }

    /// <summary>Owns the object from here on, also where it fails.</summary>
    /// <exception cref="BlockException">The size is impossible, or the cache file cannot be used.</exception>
    public static async ValueTask<RemoteNode> CreateAsync(
        IBlockNodeContext context, IRemoteObject remote, Lifeline lifeline, JsonElement options, RemoteNodeSettings settings)
    {
        try
        {
            if (remote.Length is < 0 or > MaxSize)
                throw Invalid($"The server reports an impossible size of {remote.Length} bytes");
            var logger = context.Host.Loggers.CreateLogger("");
            var runner = new TransferRunner(remote, settings.Transfers, lifeline, context.Host.Clock, logger);
            var readAhead = new ReadAhead(runner, context.Host, settings.ReadAhead);
            var cache = settings.CacheFile is { } path
                ? new CachedRange(readAhead, OpenCache(path, settings.Name, remote), context.Host, logger)
                : null;
            return new RemoteNode(remote, lifeline, options, settings.FileName, readAhead, cache);
        }
        catch
        {
            await remote.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    public override ValueTask ReadAsync(long offset, IoSlice target, ReadFlags flags, CancellationToken cancellationToken)
    {
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled(cancellationToken);
        if (_lifeline.Token.IsCancellationRequested)
            return ValueTask.FromException(_lifeline.Error("The request failed"));
        var bytes = Math.Clamp(_object.Length - offset, 0, target.Length);
        if (bytes < target.Length)
            target.Slice(bytes).Clear();
        if (bytes == 0)
            return default;
        IByteRange range = _cache is null ? _readAhead : _cache;
        return range.ReadAsync(offset, target.Slice(0, bytes), cancellationToken);
    }

    public override async ValueTask DrainBeginAsync(CancellationToken cancellationToken) =>
        await _readAhead.QuietAsync().ConfigureAwait(false);

    public override void DrainEnd() => _readAhead.Resume();

    /// <summary>Nothing of what says which object this is can change.</summary>
    public ValueTask<IReopenStep> PrepareReopenAsync(
        IBlockNodeContext context, JsonElement options, CancellationToken cancellationToken)
    {
        if (!context.ReadOnly)
            context.FallBackToReadOnly($"{context.NodeName} cannot be written");
        OptionChanges.Refuse(_options, options);
        return new(new NothingChanges());
    }

    public override async ValueTask DisposeAsync()
    {
        await _lifeline.CloseAsync().ConfigureAwait(false);
        await _readAhead.DisposeAsync().ConfigureAwait(false);
        _cache?.Dispose();
        await _object.DisposeAsync().ConfigureAwait(false);
    }

    private static CacheFile OpenCache(string path, string name, IRemoteObject remote) => remote.Version is { } version
        ? CacheFile.Open(path, name, version, remote.Length)
        : throw Invalid("The server does not say which version of the object it has: no cache file can be kept");

    private static BlockException Invalid(string message) => new(BlockErrorKind.InvalidArgument, message);

    private sealed class NothingChanges : IReopenStep
    {
        public void Commit()
        {
        }

        public ValueTask AbortAsync() => default;
    }
}

/// <summary>What a driver says of its node.</summary>
public sealed record RemoteNodeSettings
{
    /// <summary>The object's, without passwords.</summary>
    public required string Name { get; init; }

    /// <summary>What opens the node again.</summary>
    public string? FileName { get; init; }

    public TransferSettings Transfers { get; init; } = new();

    /// <summary>Bytes that are read ahead at least; 0: none.</summary>
    public long ReadAhead { get; init; }

    public string? CacheFile { get; init; }
}
