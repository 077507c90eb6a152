// SPDX-License-Identifier: MIT
using BlockHost.Posix;

namespace BlockHost.Core.Descriptors;

/// <summary>Descriptors that came with the bytes of a request. The first is taken; those that nobody takes are closed.</summary>
internal sealed class ReceivedDescriptors(int[] values) : IDisposable
{
    private int[] _values = values;

    /// <summary>The caller's from then on.</summary>
    public int? Take()
    {
        var all = Interlocked.Exchange(ref _values, []);
        Close(all.AsSpan(Math.Min(1, all.Length)));
        return all is [var first, ..] ? first : null;
    }

    public bool IsTaken => _values.Length == 0;

    public void Dispose() => Close(Interlocked.Exchange(ref _values, []));

    private static void Close(ReadOnlySpan<int> descriptors)
    {
        foreach (var descriptor in descriptors)
            _ = Libc.close(descriptor);
    }
}

/// <summary>A stream that takes descriptors with what it reads.</summary>
internal interface IReceivesDescriptors
{
    /// <summary>What came with the bytes of the last read; null: none.</summary>
    ReceivedDescriptors? TakeReceived();
}
