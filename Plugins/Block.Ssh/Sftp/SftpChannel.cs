// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Block;
using BlockHost.Remote;

namespace BlockHost.Plugins.Block.Ssh.Sftp;

/// <summary>
/// Requests over one stream, many at once, answered in any order. Data that is read goes where it is wanted as it comes:
/// nobody's buffer is touched once his request has ended, and a request ends only by its answer or with the channel.
/// </summary>
internal sealed class SftpChannel : IAsyncDisposable
{
    private const int MaxInFlight = 64;
    private const int MaxPacket = 1 << 20;
    private const int StringHead = sizeof(uint);

    private readonly Stream _stream;
    private readonly SftpInput _input;
    private readonly SilenceWatch _silence;
    private readonly SemaphoreSlim _sender = new(1);
    private readonly SemaphoreSlim _room = new(MaxInFlight);
    private readonly Lock _lock = new();
    private readonly Dictionary<uint, Pending> _pending = [];
    private Task _receiving = Task.CompletedTask;
    private RemoteFault? _end;
    private uint _lastId;
    private int _impatient;

    /// <param name="patience">
    /// The channel ends when requests other than patient ones wait and nothing has come for so long; zero: never.
    /// </param>
    public SftpChannel(Stream stream, TimeProvider clock, TimeSpan patience)
    {
        (_stream, _input) = (stream, new SftpInput(stream));
        _silence = new SilenceWatch(
            clock, patience, () => Break(new RemoteFault("The SFTP server does not answer", mayPass: true)));
    }

    /// <summary>From when on every request fails.</summary>
    public bool IsOver => Volatile.Read(ref _end) is not null;

    /// <summary>What the server can do beyond the protocol.</summary>
    public IReadOnlySet<string> Extensions { get; private set; } = new HashSet<string>();

    /// <exception cref="IOException">The server is none, or ends.</exception>
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        const uint version = 3;
        await _stream.WriteAsync(new SftpPacket(SftpPacketType.Init).Number(version).Finish(), cancellationToken)
            .ConfigureAwait(false);
        var length = await _input.NumberAsync(cancellationToken).ConfigureAwait(false);
        if (length is 0 or > MaxPacket)
            throw SftpFault.Malformed($"a greeting of {length} bytes");
        var greeting = await _input.BytesAsync((int)length, cancellationToken).ConfigureAwait(false);
        Extensions = ReadGreeting(greeting.Span, version);
        _receiving = ReceiveAsync();
    }

    /// <param name="packet">Its type; the id follows, and then what <paramref name="body"/> adds.</param>
    /// <param name="source">Data at the packet's end.</param>
    /// <param name="target">Where data of the answer goes.</param>
    /// <param name="isPatient">It may take as long as it takes, as long as ssh itself hears of the server.</param>
    public async ValueTask<SftpReply> AskAsync(
        SftpPacketType packet, Func<SftpPacket, SftpPacket> body, IoSlice? source = null, IoSlice target = default,
        bool isPatient = false)
    {
        await _room.WaitAsync().ConfigureAwait(false);
        try
        {
            var pending = new Pending(target, isPatient);
            var id = Add(pending);
            var head = body(new SftpPacket(packet).Number(id));
            if (source is { } data)
                head.Number((uint)data.Length);
            await SendAsync(head.Finish(source?.Length ?? 0), source ?? default).ConfigureAwait(false);
            return await pending.Reply.Task.ConfigureAwait(false);
        }
        finally
        {
            _room.Release();
        }
    }

    /// <summary>From any thread: all requests fail, as soon as nothing of them is touched any more.</summary>
    public void Break(RemoteFault reason)
    {
        if (Interlocked.CompareExchange(ref _end, reason, null) is null)
            _stream.Dispose();
    }

    public async ValueTask DisposeAsync()
    {
        Break(new RemoteFault("The connection is closed"));
        await _receiving.ConfigureAwait(false);
        _silence.Dispose();
    }

    private static HashSet<string> ReadGreeting(ReadOnlySpan<byte> greeting, uint version)
    {
        var reader = new SftpReader(greeting[1..]);
        if (greeting[0] != (byte)SftpPacketType.Version || reader.Number() is var its && its != version)
            throw SftpFault.Malformed($"no SFTP server of version {version} greets");
        var extensions = new HashSet<string>();
        while (!reader.IsAtEnd)
        {
            extensions.Add(reader.Text());
            _ = reader.Bytes();
        }

        return extensions;
    }

    private uint Add(Pending pending)
    {
        lock (_lock)
        {
            if (Volatile.Read(ref _end) is { } reason)
                throw reason;
            var id = ++_lastId;
            _pending.Add(id, pending);
            if (!pending.IsPatient && ++_impatient == 1)
                _silence.Begin();
            return id;
        }
    }

    /// <summary>What cannot be sent ends the channel, and the request with it.</summary>
    private async ValueTask SendAsync(ReadOnlyMemory<byte> head, IoSlice data)
    {
        await _sender.WaitAsync().ConfigureAwait(false);
        try
        {
            await _stream.WriteAsync(head).ConfigureAwait(false);
            foreach (var segment in data)
                await _stream.WriteAsync(segment).ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            Break(Lost(e));
        }
        finally
        {
            _sender.Release();
        }
    }

    private async Task ReceiveAsync()
    {
        try
        {
            while (true)
                await ReceivePacketAsync().ConfigureAwait(false);
        }
        catch (Exception e)
        {
            Break(e as RemoteFault ?? Lost(e));
        }

        FailAll(Volatile.Read(ref _end)!);
    }

    private async ValueTask ReceivePacketAsync()
    {
        var length = await _input.NumberAsync(CancellationToken.None).ConfigureAwait(false);
        if (length is < 5 or > MaxPacket)
            throw SftpFault.Malformed($"a packet of {length} bytes");
        var head = await _input.BytesAsync(5, CancellationToken.None).ConfigureAwait(false);
        var (type, id) = ((SftpPacketType)head.Span[0], BinaryPrimitives.ReadUInt32BigEndian(head.Span[1..]));
        var pending = Take(id);
        var rest = (int)length - 5;
        var reply = type == SftpPacketType.Data
            ? new SftpReply(type, default, await ReceiveDataAsync(pending, rest).ConfigureAwait(false))
            : new SftpReply(type, await _input.BytesAsync(rest, CancellationToken.None).ConfigureAwait(false));
        Remove(id);
        pending.Reply.TrySetResult(reply);
    }

    private async ValueTask<int> ReceiveDataAsync(Pending pending, int rest)
    {
        if (rest < StringHead)
            throw SftpFault.Malformed("a packet ends too early");
        var length = await _input.NumberAsync(CancellationToken.None).ConfigureAwait(false);
        if (length != rest - StringHead || length > pending.Target.Length)
            throw SftpFault.Malformed($"{length} bytes of data where {pending.Target.Length} were asked for");
        await _input.FillAsync(pending.Target.Slice(0, length)).ConfigureAwait(false);
        return (int)length;
    }

    private Pending Take(uint id)
    {
        lock (_lock)
        {
            _silence.Progress();
            return _pending.GetValueOrDefault(id) ?? throw SftpFault.Malformed("an answer to no request");
        }
    }

    private void Remove(uint id)
    {
        lock (_lock)
        {
            if (_pending.Remove(id, out var pending) && !pending.IsPatient && --_impatient == 0)
                _silence.End();
        }
    }

    private void FailAll(RemoteFault reason)
    {
        Pending[] unanswered;
        lock (_lock)
        {
            unanswered = [.. _pending.Values];
            _pending.Clear();
            _silence.End();
        }

        foreach (var pending in unanswered)
            pending.Reply.TrySetException(reason);
    }

    private static RemoteFault Lost(Exception e) => new($"The connection is lost: {e.Message}", mayPass: true, e);

    private sealed class Pending(IoSlice target, bool isPatient)
    {
        public IoSlice Target => target;

        public bool IsPatient => isPatient;

        public TaskCompletionSource<SftpReply> Reply { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
