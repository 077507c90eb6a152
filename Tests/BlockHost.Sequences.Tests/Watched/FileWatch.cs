// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Sequences.Tests.Watched;

/// <summary>Sees all that our tools do with files, and may have one of the operations fail.</summary>
internal sealed class FileWatch
{
    private readonly Lock _lock = new();
    private readonly List<FileOperation> _done = [];
    private int _begun;

    /// <summary>The operation that fails, counted from the last <see cref="Begin"/>; negative: none.</summary>
    public int FailAt { get; set; } = -1;

    public BlockErrorKind FailWith { get; set; }

    /// <summary>The one that has failed.</summary>
    public FileOperation? Failed { get; private set; }

    /// <summary>In the order in which they were done.</summary>
    public IReadOnlyList<FileOperation> Done
    {
        get
        {
            lock (_lock)
                return [.. _done];
        }
    }

    public int Begun => Volatile.Read(ref _begun);

    public void Begin()
    {
        lock (_lock)
        {
            _done.Clear();
            (_begun, Failed) = (0, null);
        }
    }

    /// <exception cref="BlockException">This is the one that fails.</exception>
    public void Before(FileOperation operation)
    {
        lock (_lock)
        {
            if (_begun++ != FailAt)
                return;
            Failed = operation;
        }

        throw new BlockException(FailWith, $"Injected into {operation}");
    }

    public void After(FileOperation operation)
    {
        lock (_lock)
            _done.Add(operation);
    }
}
