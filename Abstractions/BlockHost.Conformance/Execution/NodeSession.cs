// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Conformance.TestHost;
using BlockHost.Objects;

namespace BlockHost.Conformance.Execution;

internal sealed record SessionOptions
{
    public bool ReadOnly { get; init; }

    public bool ForRepair { get; init; }

    /// <summary>Children complete synchronously and nothing stands before them; for measuring.</summary>
    public bool Bare { get; init; }

    public FailurePlan? Failures { get; init; }

    /// <summary>The node's close may fail (a child was made to).</summary>
    public bool CloseMayFail { get; init; }
}

/// <summary>
/// One node, open: its children with all that observes them, and the host's duty not to call a node more often at the
/// same time than it allows. Closing looks at what a node must not leave behind.
/// </summary>
internal sealed class NodeSession : IAsyncDisposable
{
    private readonly CheckContext _check;
    private readonly SessionOptions _options;
    private readonly List<MemoryChild> _memory = [];
    private readonly SemaphoreSlim? _turn;
    private bool _closed;

    private NodeSession(CheckContext check, SessionOptions options, TestPluginHost host, BlockNode node, List<MemoryChild> memory)
    {
        _check = check;
        _options = options;
        _memory = memory;
        Host = host;
        Node = node;
        _turn = node.Profile.Concurrency == Concurrency.Parallel ? null : new SemaphoreSlim(1);
    }

    public BlockNode Node { get; }

    public TestPluginHost Host { get; }

    public required IReadOnlyList<GatedChild> Gates { get; init; }

    public required IReadOnlyList<RecordingChild> Recorders { get; init; }

    public ManualClock Clock => (ManualClock)Host.Clock;

    public BlockProfile Profile => Node.Profile;

    public int MemoryAlignment => Math.Max(1, Profile.Limits.MemoryAlignment);

    public int Waiting => Gates.Sum(g => g.WaitingCount);

    public static async Task<NodeSession> OpenAsync(CheckContext check, SubjectImage image, SessionOptions? options = null)
    {
        options ??= new SessionOptions();
        var host = new TestPluginHost { Clock = new ManualClock(), Buffers = new TrackingBufferPool { Recycle = options.Bare } };
        var context = new TestNodeContext(host)
        {
            ReadOnly = options.ReadOnly || check.Subject.ReadOnly,
            CacheDirect = check.Subject.CacheDirect,
            ForRepair = options.ForRepair,
        };
        var children = new ChildSet(image, options, context.ReadOnly);
        foreach (var (name, child) in children.Tops)
            context.Children.Add(name, child);
        foreach (var (id, userObject) in image.CreateObjects?.Invoke(host) ?? new Dictionary<string, UserObject>())
            host.Objects.Add(id, userObject);
        var opening = check.Subject.Driver.OpenAsync(context, image.Options, check.Cancellation).AsTask();
        try
        {
            var node = await check.BoundedAsync(opening, "open").ConfigureAwait(false);
            context.Sealed = true;
            return new NodeSession(check, options, host, node, children.Memory)
            { Gates = children.Gates, Recorders = children.Recorders };
        }
        catch (Exception e) when (e is not CheckFailure)
        {
            ReportPool(check, host.Buffers, "a failed open");
            throw;
        }
    }

    /// <summary>Calls the node as a host does: one call at a time where it says so.</summary>
    public async Task CallAsync(string what, Func<BlockNode, ValueTask> call) =>
        await _check.BoundedAsync(TakeTurnAsync(call), what).ConfigureAwait(false);

    public async Task TakeTurnAsync(Func<BlockNode, ValueTask> call)
    {
        if (_turn is null)
        {
            await call(Node).ConfigureAwait(false);
            return;
        }

        await _turn.WaitAsync().ConfigureAwait(false);
        try
        {
            await call(Node).ConfigureAwait(false);
        }
        finally
        {
            _turn.Release();
        }
    }

    public void ShutGates()
    {
        foreach (var gate in Gates)
            gate.Shut();
    }

    public void OpenGates()
    {
        foreach (var gate in Gates)
            gate.Open();
    }

    public async ValueTask DisposeAsync()
    {
        if (_closed)
            return;
        _closed = true;
        OpenGates();
        try
        {
            await _check.BoundedAsync(Node.DisposeAsync().AsTask(), "close").ConfigureAwait(false);
        }
        catch (BlockException) when (_options.CloseMayFail)
        {
        }
        catch (Exception e) when (e is not (CheckFailure or OperationCanceledException))
        {
            throw new CheckFailure($"DisposeAsync threw {e.GetType().Name}: {e.Message}", e);
        }

        LookBehind();
    }

    private void LookBehind()
    {
        var running = Recorders.Sum(r => r.InFlight);
        if (running > 0)
            _check.AddFault(
                CheckNames.CloseQuiet, $"{running} operations on children are in flight after DisposeAsync has completed");
        foreach (var child in _memory)
            child.Close();
        _check.WatchClosed(_memory);
        Clock.Advance(TimeSpan.FromHours(1));
        ReportPool(_check, Host.Buffers, "close");
    }

    private static void ReportPool(CheckContext check, TrackingBufferPool pool, string after)
    {
        if (pool.Outstanding != 0)
            check.AddFault(CheckNames.BuffersReturned, $"{pool.Outstanding} buffers are not returned after {after}");
        if (pool.DoubleReturns != 0)
            check.AddFault(CheckNames.BuffersReturned, $"{pool.DoubleReturns} buffers are returned twice");
        if (!pool.Recycle && pool.WritesAfterReturn != 0)
            check.AddFault(CheckNames.BuffersReturned, $"{pool.WritesAfterReturn} buffers are written after their return");
    }
}
