// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using BlockHost.Plugins;
using BlockHost.Posix;

namespace BlockHost.Core.Objects.Types;

/// <summary>A thread that rests until it is given a loop, one at a time, and rests again when that returns.</summary>
internal sealed class ThreadOfWork
{
    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _changed = new(0);
    private readonly ManualResetEventSlim _started = new();
    private Action? _loop;
    private bool _isBusy;
    private bool _ends;

    private int _id;

    public ThreadOfWork(string name) => PluginThread.Start(name, Live);

    /// <summary>The kernel's id.</summary>
    public int Id
    {
        get
        {
            _started.Wait();
            return _id;
        }
    }

    public bool TryRun(Action loop)
    {
        lock (_gate)
        {
            if (_isBusy || _ends)
                return false;
            (_isBusy, _loop) = (true, loop);
        }

        _changed.Release();
        return true;
    }

    /// <summary>Takes no more loops; a present one runs on to its end.</summary>
    public void End()
    {
        lock (_gate)
            _ends = true;
        _changed.Release();
    }

    private void Live()
    {
        _id = Libc.gettid();
        _started.Set();
        do
        {
            _changed.Wait();
            RunLoop();
        }
        while (!HasEnded());
    }

    private bool HasEnded()
    {
        lock (_gate)
            return _ends && !_isBusy;
    }

    /// <summary>Apart and not inlined: no local of the resting thread may refer to a plugin.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void RunLoop()
    {
        Action? loop;
        lock (_gate)
            (loop, _loop) = (_loop, null);
        if (loop is null)
            return;
        loop();
        lock (_gate)
            _isBusy = false;
    }
}
