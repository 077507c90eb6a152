// SPDX-License-Identifier: MIT
using System.Collections;
using System.ComponentModel;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace BlockHost.Posix;

/// <summary>
/// A program that one talks to over sockets in place of pipes, which can be waited for without a thread:
/// <code>
///   Talk ◄──── socket pair ────► its standard input and output
///   Errors ◄── socket pair ────► its standard error
/// </code>
/// It has a process group of its own, so that what it starts ends with it.
/// </summary>
public sealed class ChildProgram : IDisposable
{
    private const int Killed = 9;
    private const int NoHang = 1;
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private readonly int _id;
    private readonly Lock _lock = new();
    private bool _isReaped;

    private ChildProgram(int id, Socket talk, Socket errors) => (_id, Talk, Errors) = (id, talk, errors);

    public int Id => _id;

    public Socket Talk { get; }

    public Socket Errors { get; }

    /// <param name="program">Looked for in PATH where it has no slash.</param>
    /// <param name="arguments">Without the program's name.</param>
    /// <exception cref="Win32Exception">It cannot be started.</exception>
    public static ChildProgram Start(string program, IReadOnlyList<string> arguments)
    {
        var (talk, its) = Pair();
        try
        {
            var (errors, itsErrors) = Pair();
            try
            {
                return new ChildProgram(Spawn.Run(program, arguments, its, itsErrors), Open(talk), Open(errors));
            }
            catch
            {
                Close(errors);
                throw;
            }
            finally
            {
                Close(itsErrors);
            }
        }
        catch
        {
            Close(talk);
            throw;
        }
        finally
        {
            Close(its);
        }
    }

    /// <summary>From any thread: ends it and what it has started. Does not wait.</summary>
    public void Kill()
    {
        lock (_lock)
        {
            if (!_isReaped)
                _ = Libc.kill(-_id, Killed);
        }
    }

    /// <summary>False: it still runs.</summary>
    public unsafe bool TryReap()
    {
        lock (_lock)
            return _isReaped || (_isReaped = Libc.waitpid(_id, null, NoHang) != 0);
    }

    /// <summary>
    /// Kills it, and sees to it that nothing of it is left: by the system's clock, as it ends by that. One that the kernel holds
    /// is waited for in the background after 2 seconds.
    /// </summary>
    public async Task EndAsync()
    {
        Kill();
        Talk.Dispose();
        Errors.Dispose();
        var reaping = ReapAsync();
        await Task.WhenAny(reaping, Task.Delay(Patience, TimeProvider.System)).ConfigureAwait(false);
    }

    public void Dispose() => _ = EndAsync();

    private async Task ReapAsync()
    {
        while (!TryReap())
            await Task.Delay(Look, TimeProvider.System).ConfigureAwait(false);
    }

    private static unsafe (int Ours, int Its) Pair()
    {
        var pair = stackalloc int[2];
        if (Libc.socketpair(Libc.AF_UNIX, Libc.SOCK_STREAM | Libc.SOCK_CLOEXEC, 0, pair) < 0)
            throw new Win32Exception(Marshal.GetLastPInvokeError());
        return (pair[0], pair[1]);
    }

    private static Socket Open(int descriptor) => new(new SafeSocketHandle(descriptor, ownsHandle: true));

    private static void Close(int descriptor) => new SafeFileHandle(descriptor, ownsHandle: true).Dispose();

    /// <summary>posix_spawn, which does not copy the process first.</summary>
    private static unsafe class Spawn
    {
        private const short SetGroup = 2;
        private const short SetDefaultSignals = 4;
        private const short SetMask = 8;
        private const int BrokenPipe = 13;

        /// <summary>No less than any C library takes for either of its two structures, and for a set of signals.</summary>
        private const int Room = 512;

        public static int Run(string program, IReadOnlyList<string> arguments, int talk, int errors)
        {
            byte* actions = stackalloc byte[Room], attributes = stackalloc byte[Room], signals = stackalloc byte[Room];
            using var words = new Words([program, .. arguments]);
            using var environment = new Words(
                from DictionaryEntry entry in Environment.GetEnvironmentVariables() select $"{entry.Key}={entry.Value}");
            Check(Libc.posix_spawn_file_actions_init(actions));
            Check(Libc.posix_spawnattr_init(attributes));
            try
            {
                Check(Libc.posix_spawn_file_actions_adddup2(actions, talk, 0));
                Check(Libc.posix_spawn_file_actions_adddup2(actions, talk, 1));
                Check(Libc.posix_spawn_file_actions_adddup2(actions, errors, 2));
                _ = Libc.sigemptyset(signals);
                Check(Libc.posix_spawnattr_setsigmask(attributes, signals));
                // The runtime ignores it, which a program would inherit.
                _ = Libc.sigaddset(signals, BrokenPipe);
                Check(Libc.posix_spawnattr_setsigdefault(attributes, signals));
                Check(Libc.posix_spawnattr_setflags(attributes, SetGroup | SetDefaultSignals | SetMask));
                int id;
                Check(Libc.posix_spawnp(&id, program, actions, attributes, words.Address, environment.Address));
                return id;
            }
            finally
            {
                _ = Libc.posix_spawn_file_actions_destroy(actions);
                _ = Libc.posix_spawnattr_destroy(attributes);
            }
        }

        private static void Check(int error)
        {
            if (error != 0)
                throw new Win32Exception(error);
        }
    }

    /// <summary>Texts as C has them, a null pointer at the end.</summary>
    private sealed unsafe class Words : IDisposable
    {
        private readonly nint[] _texts;
        private readonly GCHandle _pin;

        public Words(IEnumerable<string> words)
        {
            _texts = [.. words.Select(Marshal.StringToCoTaskMemUTF8), 0];
            _pin = GCHandle.Alloc(_texts, GCHandleType.Pinned);
        }

        public nint* Address => (nint*)_pin.AddrOfPinnedObject();

        public void Dispose()
        {
            _pin.Free();
            foreach (var text in _texts)
                Marshal.FreeCoTaskMem(text);
        }
    }
}
