// SPDX-License-Identifier: MIT
using System.Net.Sockets;
using BlockHost.Posix;
using BlockHost.Posix.Loops;

namespace BlockHost.Plugins.Export.Nbd.Server;

/// <summary>
/// Listening sockets of one server. While the server is full they are not watched: further clients wait in the
/// sockets' backlog, as with QEMU.
/// </summary>
internal sealed unsafe class ListenerSet(IReadOnlyList<Socket> sockets, IReadOnlyList<string> unixPaths) : IEventHandler
{
    /// <summary>Send buffer of a client: a large reply must not need a wake-up for each 200 KiB.</summary>
    private const int SendBufferBytes = 1 << 20;

    private const int AcceptsPerEvent = 16;

    private readonly long[] _ids = new long[sockets.Count];
    private NbdLoop? _loop;
    private Func<int, bool>? _accepted;
    private volatile bool _opened;
    private bool _watching;
    private bool _stopped;

    public IReadOnlyList<string> Addresses => [.. sockets.Select(s => s.LocalEndPoint?.ToString() ?? "")];

    /// <summary>One set of the sockets of several, none of which has started.</summary>
    public static ListenerSet Join(IReadOnlyList<ListenerSet> sets) =>
        new([.. sets.SelectMany(set => set.Sockets)], [.. sets.SelectMany(set => set.UnixPaths)]);

    private IReadOnlyList<Socket> Sockets => sockets;

    private IReadOnlyList<string> UnixPaths => unixPaths;

    public void Start(NbdLoop loop, Func<int, bool> accepted)
    {
        _loop = loop;
        _accepted = accepted;
        foreach (var socket in sockets)
            socket.Blocking = false;
    }

    /// <summary>From any thread: lets clients in; until then they wait in the backlog.</summary>
    public void Open()
    {
        _opened = true;
        Resume();
    }

    /// <summary>From any thread: a client has gone, so another may come.</summary>
    public void Resume()
    {
        if (_opened && !Volatile.Read(ref _watching))
            _loop!.Post(new Work(Watch));
    }

    public Task StopAsync()
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _loop!.Post(new Work(() =>
        {
            Unwatch();
            _stopped = true;
            Close();
            done.SetResult();
        }));
        return done.Task;
    }

    public void Close()
    {
        foreach (var socket in sockets)
            socket.Dispose();
        foreach (var path in unixPaths)
            File.Delete(path);
    }

    public void OnEvents(EpollEvents events)
    {
        foreach (var socket in sockets)
        {
            for (var i = 0; i < AcceptsPerEvent && _watching; i++)
            {
                var fd = Libc.accept4(
                    (int)socket.SafeHandle.DangerousGetHandle(), null, null, Libc.SOCK_NONBLOCK | Libc.SOCK_CLOEXEC);
                if (fd < 0)
                    break;
                Prepare(fd);
                if (!_accepted!(fd))
                    Unwatch();
            }
        }
    }

    /// <summary>Best effort: a socket serves without these, only slower.</summary>
    private static void Prepare(int fd)
    {
        var (size, on) = (SendBufferBytes, 1);
        _ = Libc.setsockopt(fd, Libc.SOL_SOCKET, Libc.SO_SNDBUF, &size, sizeof(int));
        _ = Libc.setsockopt(fd, Libc.IPPROTO_TCP, Libc.TCP_NODELAY, &on, sizeof(int));
    }

    private void Watch()
    {
        if (_watching || _stopped)
            return;
        _watching = true;
        for (var i = 0; i < _ids.Length; i++)
            _ids[i] = _loop!.Add((int)sockets[i].SafeHandle.DangerousGetHandle(), EpollEvents.In, this);
    }

    private void Unwatch()
    {
        if (!_watching)
            return;
        _watching = false;
        for (var i = 0; i < _ids.Length; i++)
            _loop!.Remove((int)sockets[i].SafeHandle.DangerousGetHandle(), _ids[i]);
    }

    private sealed class Work(Action action) : ILoopWork
    {
        public void Run() => action();
    }
}
