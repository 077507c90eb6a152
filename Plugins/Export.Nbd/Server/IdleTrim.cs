// SPDX-License-Identifier: MIT
using BlockHost.Posix.Loops;

namespace BlockHost.Plugins.Export.Nbd.Server;

/// <summary>
/// Looks after a loop's buffers while it keeps more than a few, and rests otherwise. Belongs to the loop's thread.
/// </summary>
internal sealed class IdleTrim(NbdLoop loop, TimeProvider clock) : ILoopWork, IDisposable
{
    /// <summary>What lay unused from one look to the next goes back: after twice this at the latest.</summary>
    public static readonly TimeSpan Period = TimeSpan.FromSeconds(2);

    private ITimer? _timer;
    private bool _disposed;

    public void Begin()
    {
        if (!_disposed)
            _timer ??= clock.CreateTimer(_ => loop.Post(this), null, Period, Period);
    }

    public void Run()
    {
        if (!loop.Buffers.TrimUnused())
            Rest();
    }

    public void Dispose()
    {
        _disposed = true;
        Rest();
    }

    private void Rest()
    {
        _timer?.Dispose();
        _timer = null;
    }
}
