// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Nbd;
using BlockHost.Plugins.Export.Nbd.Protocol;
using BlockHost.Posix.Loops;

namespace BlockHost.Plugins.Export.Nbd.Server;

/// <summary>
/// One request in flight, reused by its connection. When the backend does not complete at once, the slot waits and
/// comes back to the connection's loop, from whichever thread the completion came.
/// </summary>
internal sealed class RequestSlot : ILoopWork
{
    private readonly NbdConnection _connection;
    private readonly Action _continuation;
    private readonly Action _holesContinuation;
    private ConfiguredValueTaskAwaitable<IoStatus>.ConfiguredValueTaskAwaiter _awaiter;
    private ConfiguredValueTaskAwaitable<ChainStatus>.ConfiguredValueTaskAwaiter _holesAwaiter;

    public RequestSlot(NbdConnection connection)
    {
        _connection = connection;
        _continuation = Completed;
        _holesContinuation = HolesFound;
    }

    public NbdRequest Request { get; set; }

    public IoStatus Status { get; set; }

    /// <summary>Where a read goes to and its reply leaves from.</summary>
    public ReplySpace Reply { get; set; }

    /// <summary>Holds the payload of a write.</summary>
    public PinnedBuffer? Input { get; set; }

    /// <summary>The request was refused; its payload is still to be thrown away.</summary>
    public Refusal? Refusal { get; set; }

    /// <summary>The answer of a block status request, one list for each context.</summary>
    public StatusAnswer? Extents { get; set; }

    /// <summary>A read that first asks whether there is anything to send; <see cref="Holes"/> is the answer.</summary>
    public bool AsksForHoles { get; set; }

    public ChainStatus Holes { get; private set; }

    public void Await(ValueTask<IoStatus> pending)
    {
        _awaiter = pending.ConfigureAwait(false).GetAwaiter();
        _awaiter.UnsafeOnCompleted(_continuation);
    }

    public void AwaitHoles(ValueTask<ChainStatus> pending)
    {
        AsksForHoles = true;
        _holesAwaiter = pending.ConfigureAwait(false).GetAwaiter();
        _holesAwaiter.UnsafeOnCompleted(_holesContinuation);
    }

    public void Run() => _connection.OnCompleted(this);

    public void Reset()
    {
        _awaiter = default;
        _holesAwaiter = default;
        Reply = default;
        Input = null;
        Refusal = null;
        Extents = null;
        AsksForHoles = false;
        Status = default;
    }

    private void Completed()
    {
        try
        {
            Status = _awaiter.GetResult();
        }
        catch (Exception)
        {
            // A queue answers and never throws; should one do so, its client still gets a reply.
            Status = new IoStatus(Errno.EIO);
        }

        _connection.Loop.Post(this);
    }

    private void HolesFound()
    {
        try
        {
            Holes = _holesAwaiter.GetResult();
        }
        catch (Exception)
        {
            Holes = new(new IoStatus(Errno.EIO), 0, BlockStatusFlags.None, 0, 0, null);
        }

        _connection.Loop.Post(this);
    }
}
