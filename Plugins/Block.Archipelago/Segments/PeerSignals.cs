// SPDX-License-Identifier: MIT
using System.Security.Cryptography;
using System.Text;
using BlockHost.Block;
using BlockHost.Posix;

namespace BlockHost.Plugins.Block.Archipelago.Segments;

/// <summary>
/// How peers wake one another: each port has a named pipe, FOLDER/posixfd/NAME, and whoever puts something into its queues
/// writes a byte there.
/// </summary>
internal sealed unsafe class PeerSignals : IDisposable
{
    private const uint AllMayWrite = 0b110_110_110;
    private const int MaxPeerTypes = 4096;

    private readonly SharedSegment _segment;
    private readonly string _folder;
    private readonly string _path;
    private readonly FileDescriptor _pipe;
    private readonly int _epoll;

    private PeerSignals(SharedSegment segment, string folder, string name, FileDescriptor pipe)
    {
        (_segment, _folder, Name, _path, _pipe) = (segment, folder, name, Path.Combine(folder, name), pipe);
        _epoll = Libc.epoll_create1(Libc.EPOLL_CLOEXEC);
        var change = stackalloc byte[EpollEvent.Size];
        EpollEvent.Write(change, EpollEvents.In, 0);
        if (_epoll >= 0 && Libc.epoll_ctl(_epoll, Libc.EPOLL_CTL_ADD, pipe.Value, change) == 0)
            return;
        var errno = SystemError.Last;
        Dispose();
        throw SystemError.Exception("Could not wait for peers", errno);
    }

    /// <summary>Of this port's pipe: 16 hexadecimal digits.</summary>
    internal string Name { get; }

    /// <exception cref="BlockException">The pipe cannot be made.</exception>
    internal static PeerSignals Create(SharedSegment segment, string folder)
    {
        var pipes = Path.Combine(folder, SignalLayout.PeerType);
        var name = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(SignalLayout.NameSize / 2));
        var path = Path.Combine(pipes, name);
        if (Libc.mkfifo(path, AllMayWrite) < 0)
            throw SystemError.Exception($"Could not create '{path}'", SystemError.Last);
        try
        {
            // For writing too, so that it never ends.
            return new(segment, pipes, name, FileDescriptor.Open(path, OpenFlags.ReadWrite | OpenFlags.NonBlocking));
        }
        catch
        {
            _ = Libc.unlink(path);
            throw;
        }
    }

    /// <summary>The number by which the segment knows this way to wake.</summary>
    /// <exception cref="BlockException">None of the peers uses it.</exception>
    internal static ulong FindType(SharedSegment segment)
    {
        var names = segment.Place(segment.Place(HeadLayout.Shared) + SharedLayout.PeerTypes);
        var count = Math.Min(segment.Get32(HeadLayout.MaxPeerTypes), MaxPeerTypes);
        for (var i = 0; i < count; i++)
        {
            if (TextAt(segment, names + (i * SharedLayout.NameSize), SharedLayout.NameSize) == SignalLayout.PeerType)
                return (ulong)i;
        }

        throw new BlockException(BlockErrorKind.NotSupported, "No peer of the segment is woken by pipes (posixfd)");
    }

    /// <summary>Wakes a peer, if it wants to be; one that is gone misses nothing.</summary>
    internal void Wake(long port)
    {
        var signal = _segment.Place(port + PortLayout.Signal);
        if (signal == 0 || _segment.Get32(signal + SignalLayout.IsWanted) == 0)
            return;
        var name = TextAt(_segment, signal, SignalLayout.NameSize);
        if (!IsName(name))
            throw SharedSegment.Damaged("a port's pipe has an impossible name");
        using var pipe = FileDescriptor.TryOpen(
            Path.Combine(_folder, name), OpenFlags.WriteOnly | OpenFlags.NonBlocking, 0, out _);
        if (pipe is not null)
            WriteByte(pipe.Value);
    }

    /// <summary>Wakes whoever waits at this port's pipe.</summary>
    internal void WakeSelf() => WriteByte(_pipe.Value);

    /// <summary>Waits until there is something to do, or for so long. Blocks.</summary>
    internal void Wait(int milliseconds)
    {
        var events = stackalloc byte[EpollEvent.Size];
        _ = Libc.epoll_wait(_epoll, events, 1, milliseconds);
        const int Size = 512;
        var buffer = stackalloc byte[Size];
        while (Libc.read(_pipe.Value, buffer, Size) == Size)
        {
        }
    }

    public void Dispose()
    {
        _ = Libc.unlink(_path);
        _ = Libc.close(_epoll);
        _pipe.Dispose();
    }

    /// <summary>Nothing that leads to another folder.</summary>
    private static bool IsName(string name) => name.Length == SignalLayout.NameSize && name.All(char.IsAsciiHexDigit);

    private static string TextAt(SharedSegment segment, long place, int length)
    {
        var bytes = segment.Bytes(place, length);
        var end = bytes.IndexOf((byte)0);
        return Encoding.ASCII.GetString(end < 0 ? bytes : bytes[..end]);
    }

    private static void WriteByte(int pipe)
    {
        var one = (byte)'a';
        _ = Libc.write(pipe, &one, 1);
    }
}
