// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Bitmaps;
using BlockHost.Block.Graph;
using BlockHost.Exports;
using BlockHost.Plugins.Export.Nbd.Protocol;
using BlockHost.Posix.Loops;

namespace BlockHost.Plugins.Export.Nbd.Server;

/// <summary>A node under a name, and the clients that use it.</summary>
internal sealed class NbdExport : BlockExport, INegotiableExport
{
    private readonly NbdServer _server;
    private readonly IExportContext _context;
    private readonly HashSet<NbdConnection> _clients = [];
    private readonly Lock _gate = new();
    private long _size;
    private bool _ending;
    private bool _ended;
    private bool _released;

    private readonly IReadOnlyList<IDisposable> _bitmapHolds;

    /// <param name="bitmaps">Busy while the export lives.</param>
    public NbdExport(
        NbdServer server, IExportContext context, string name, NbdExportOptions options, IReadOnlyList<IDirtyBitmap> bitmaps)
    {
        _server = server;
        _context = context;
        // First, as it can fail: nothing else is held yet.
        Home = context.IoThread is { } thread ? server.Loops.Enter(thread) : null;
        Name = name;
        Description = options.Description;
        OffersAllocationDepth = options.AllocationDepth ?? false;
        DirtyBitmaps = bitmaps;
        Bitmaps = [.. bitmaps.Select(bitmap => bitmap.Name!)];
        _bitmapHolds = [.. bitmaps.Select(bitmap => bitmap.Hold())];
        KnowsHoles = Backend.Profile.Status == Support.Native;
        _size = Backend.Length;
        Backend.Resized += OnResized;
    }

    /// <summary>Where the export's clients are served; null: wherever there is room.</summary>
    public NbdLoop? Home { get; private set; }

    /// <summary>Buffers of the host, for what is read for nobody.</summary>
    public IIoBufferPool Buffers => _context.Host.Buffers;

    public IBlockBackend Backend => _context.Backend;

    public string Name { get; }

    public string? Description { get; }

    public bool OffersAllocationDepth { get; }

    public IReadOnlyList<IDirtyBitmap> DirtyBitmaps { get; }

    public IReadOnlyList<string> Bitmaps { get; }

    /// <summary>Asking for holes costs little beside a large read.</summary>
    public bool KnowsHoles { get; }

    public long Size => Volatile.Read(ref _size);

    public bool ReadOnly => !_context.Writable;

    public bool MultiConnection => _server.MaxConnections != 1;

    public int MinimumBlockSize => Math.Max(1, Backend.Profile.Limits.RequestAlignment);

    public override bool HasClients
    {
        get
        {
            lock (_gate)
                return _clients.Count > 0;
        }
    }

    /// <summary>False: the export is going.</summary>
    public bool TryAttach(NbdConnection client)
    {
        int count;
        lock (_gate)
        {
            if (_ending || !_clients.Add(client))
                return false;
            count = _clients.Count;
        }

        _context.ClientsChanged(count);
        return true;
    }

    public void Detach(NbdConnection client)
    {
        int count;
        lock (_gate)
        {
            _clients.Remove(client);
            count = _clients.Count;
        }

        _context.ClientsChanged(count);
        EndIfUnused();
        LeaveHomeIfUnused();
    }

    public override void RequestShutdown()
    {
        NbdConnection[] clients;
        lock (_gate)
        {
            _ending = true;
            clients = [.. _clients];
        }

        _server.Remove(this);
        foreach (var client in clients)
            client.RequestEnd();
        EndIfUnused();
    }

    public override ValueTask DisposeAsync()
    {
        _server.Remove(this);
        Release();
        return ValueTask.CompletedTask;
    }

    /// <summary>Lets go of what the export holds; by itself for one that never was the server's.</summary>
    public void Release()
    {
        Backend.Resized -= OnResized;
        foreach (var hold in _bitmapHolds)
            hold.Dispose();
        lock (_gate)
            _released = true;
        LeaveHomeIfUnused();
    }

    /// <summary>Not before the last client has gone: whoever is still on that loop would never hear of its own end.</summary>
    private void LeaveHomeIfUnused()
    {
        lock (_gate)
        {
            if (Home is null || !_released || _clients.Count > 0)
                return;
            Home = null;
        }

        _server.Loops.Leave(_context.IoThread!);
    }

    private void EndIfUnused()
    {
        lock (_gate)
        {
            if (!_ending || _ended || _clients.Count > 0)
                return;
            _ended = true;
        }

        _context.Ended();
    }

    private void OnResized(IBlockBackend backend) => Volatile.Write(ref _size, backend.Length);
}
