// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Conformance.TestHost;

/// <summary>Which operations fail; one plan can stand for several children, and then counts them together.</summary>
public sealed class FailurePlan
{
    private int _seen;

    /// <summary>Fails the operation with this number (from 0), once; -1: none.</summary>
    public int FailAt { get; set; } = -1;

    /// <summary>Fails every operation for which it answers true.</summary>
    public Predicate<ChildOperation>? FailWhen { get; set; }

    public BlockErrorKind Kind { get; set; } = BlockErrorKind.Io;

    /// <summary>Operations that arrived.</summary>
    public int Seen => Volatile.Read(ref _seen);

    /// <summary>The last operation that was made to fail.</summary>
    public ChildOperation? Failed { get; private set; }

    internal void Apply(ChildOperation operation)
    {
        var number = Interlocked.Increment(ref _seen) - 1;
        if (number != FailAt && FailWhen?.Invoke(operation) != true)
            return;
        Failed = operation;
        throw new BlockException(Kind, $"Injected failure of {operation}");
    }
}

/// <summary>Fails chosen operations before they have any effect.</summary>
public sealed class FailingChild(IBlockChild inner, FailurePlan? plan = null) : DelegatingChild(inner)
{
    public FailurePlan Plan { get; } = plan ?? new FailurePlan();

    protected override ValueTask BeforeAsync(ChildOperation operation)
    {
        Plan.Apply(operation);
        return ValueTask.CompletedTask;
    }
}
