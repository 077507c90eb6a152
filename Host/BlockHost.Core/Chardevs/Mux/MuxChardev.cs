// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Text;
using BlockHost.Chardevs;
using BlockHost.Qmp;

namespace BlockHost.Core.Chardevs.Mux;

/// <summary>
/// One device for up to four monitors. What is typed goes to one of them, which Ctrl-A c changes; what each writes is shown:
/// <code>
///              ┌─ Ctrl-A ─► the multiplexer     ┌─► frontend (focus) ─┐
///   device ─►──┴─ else ─────────────────────────┘   frontend ─────────┼─► device
///                                                   frontend ─────────┘
/// </code>
/// </summary>
/// <param name="below">The device, which is this one's from then on.</param>
/// <param name="quit">Ctrl-A x.</param>
/// <param name="release">Gives the device back, at the end.</param>
/// <param name="started">Until then nobody is served: which monitors there are shows when all is open.</param>
internal sealed class MuxChardev(
    string id, Chardev below, Action quit, Action release, Task started, TimeProvider clock) : Chardev(id)
{
    private const int MostFrontends = 4;
    private const int ReadLength = 4096;
    private static readonly TimeSpan RetryTime = TimeSpan.FromMilliseconds(100);

    private readonly Lock _lock = new();
    private readonly List<MuxFrontend> _frontends = [];
    private readonly CancellationTokenSource _end = new();
    private readonly SemaphoreSlim _writing = new(1);
    private EscapeKeys _keys = new();
    private Task _serving = Task.CompletedTask;
    private Stream? _stream;
    private int _focus;
    private bool _stamps;
    private bool _atLineStart = true;
    private long? _stampsSince;

    public override string FileName => "mux";

    public override string QomType => "chardev-mux";

    /// <summary>One more monitor's part of the device.</summary>
    /// <exception cref="QmpException">There are four.</exception>
    public Chardev AddFrontend()
    {
        lock (_lock)
        {
            if (_frontends.Count == MostFrontends)
                throw new QmpException($"too many uses of multiplexed chardev '{Id}' (maximum is {MostFrontends})");
            var frontend = new MuxFrontend(this);
            _frontends.Add(frontend);
            _focus = _frontends.Count - 1;
            if (_frontends.Count == 1)
                _serving = ServeAsync();
            else if (_stream is not null)
                frontend.Connect(_stream);
            return frontend;
        }
    }

    /// <summary>A monitor talks to its own part (<see cref="AddFrontend"/>).</summary>
    public override ValueTask<Stream?> AcceptAsync(CancellationToken cancellationToken) => new((Stream?)null);

    public override void SendBreak() => below.SendBreak();

    public override async ValueTask DisposeAsync()
    {
        await _end.CancelAsync().ConfigureAwait(false);
        await _serving.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        release();
        _end.Dispose();
        _writing.Dispose();
    }

    /// <summary>Of one frontend, to the client that it talks with.</summary>
    /// <exception cref="IOException">That client has gone.</exception>
    internal async ValueTask WriteAsync(Stream stream, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        await _writing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_stream != stream)
                throw new IOException("The client has gone");
            await stream.WriteAsync(_stamps ? Stamped(bytes.Span) : bytes, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _writing.Release();
        }
    }

    /// <summary>A client that cannot be had is not the end of the device.</summary>
    private async ValueTask<Stream?> NextAsync()
    {
        while (true)
        {
            try
            {
                return await below.AcceptAsync(_end.Token).ConfigureAwait(false);
            }
            catch (Exception e) when (e is System.Net.Sockets.SocketException or QmpException)
            {
                await Task.Delay(RetryTime, clock, _end.Token).ConfigureAwait(false);
            }
        }
    }

    /// <summary>One client of the device after the other.</summary>
    private async Task ServeAsync()
    {
        await started.WaitAsync(_end.Token).ConfigureAwait(false);
        while (await NextAsync().ConfigureAwait(false) is { } stream)
        {
            await using var closing = stream.ConfigureAwait(false);
            lock (_lock)
            {
                (_stream, _keys) = (stream, new EscapeKeys());
                _frontends.ForEach(frontend => frontend.Connect(stream));
            }

            try
            {
                await PumpAsync(stream).ConfigureAwait(false);
            }
            catch (Exception e) when (e is IOException or ObjectDisposedException or System.Net.Sockets.SocketException)
            {
                // The client has gone; the next one is served.
            }

            lock (_lock)
            {
                _stream = null;
                _frontends.ForEach(frontend => frontend.Disconnect());
            }
        }
    }

    private async ValueTask PumpAsync(Stream stream)
    {
        var buffer = new byte[ReadLength];
        var plain = new byte[ReadLength];
        while (await stream.ReadAsync(buffer, _end.Token).ConfigureAwait(false) is var length and > 0)
        {
            var count = 0;
            for (var i = 0; i < length; i++)
            {
                if (_keys.Take(buffer[i], out var key))
                {
                    plain[count++] = buffer[i];
                    continue;
                }

                // What was typed before is for whom it was typed to.
                await PassAsync(plain.AsMemory(0, count)).ConfigureAwait(false);
                count = 0;
                await ObeyAsync(stream, key).ConfigureAwait(false);
            }

            await PassAsync(plain.AsMemory(0, count)).ConfigureAwait(false);
        }
    }

    private ValueTask PassAsync(ReadOnlyMemory<byte> typed)
    {
        MuxFrontend frontend;
        lock (_lock)
            frontend = _frontends[_focus];
        return typed.IsEmpty ? ValueTask.CompletedTask : frontend.TakeAsync(typed, _end.Token);
    }

    private async ValueTask ObeyAsync(Stream stream, MuxKey key)
    {
        switch (key)
        {
            case MuxKey.Help:
                await WriteAsync(stream, Encoding.ASCII.GetBytes(Help), _end.Token).ConfigureAwait(false);
                break;
            case MuxKey.Quit:
                await WriteAsync(stream, "QEMU: Terminated\n\r"u8.ToArray(), _end.Token).ConfigureAwait(false);
                quit();
                break;
            case MuxKey.Timestamps:
                (_stamps, _stampsSince, _atLineStart) = (!_stamps, null, false);
                break;
            case MuxKey.Next:
                lock (_lock)
                    _focus = (_focus + 1) % _frontends.Count;
                break;
        }
    }

    /// <summary>Each line begins with the time since the first of them.</summary>
    private ReadOnlyMemory<byte> Stamped(ReadOnlySpan<byte> bytes)
    {
        var text = new List<byte>(bytes.Length + 16);
        foreach (var letter in bytes)
        {
            if (_atLineStart)
            {
                var now = clock.GetTimestamp();
                var past = clock.GetElapsedTime(_stampsSince ??= now, now);
                text.AddRange(Encoding.ASCII.GetBytes(string.Create(
                    CultureInfo.InvariantCulture, $"[{(int)past.TotalHours:00}:{past:mm\\:ss\\.fff}] ")));
            }

            text.Add(letter);
            _atLineStart = letter == '\n';
        }

        return text.ToArray();
    }

    private const string Help =
        "\n\rC-a h    print this help\n\rC-a x    exit emulator\n\rC-a s    save disk data back to file (if -snapshot)\n\r"
        + "C-a t    toggle console timestamps\n\rC-a b    send break (magic sysrq)\n\r"
        + "C-a c    switch between console and monitor\n\rC-a C-a  sends C-a\n\r";
}
