// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace BlockHost.Block.Tftp.Tests.Fakes;

/// <summary>
/// A TFTP server in this process, with one file. Packets go through <see cref="Fate"/>, which loses, doubles or changes them.
/// </summary>
internal sealed class TftpServer : IAsyncDisposable
{
    private readonly UdpClient _listener = new(new IPEndPoint(IPAddress.Loopback, 0));
    private readonly CancellationTokenSource _end = new();
    private readonly List<Task> _transfers = [];
    private readonly Task _running;
    private volatile bool _isSilent;
    private int _packets;
    private int _answers;

    public TftpServer(byte[] content)
    {
        Content = content;
        _running = RunAsync();
    }

    public byte[] Content { get; set; }

    /// <summary>Names of options that it answers; others it does not know.</summary>
    public HashSet<string> Knows { get; } = ["tsize", "blksize", "windowsize", "timeout"];

    /// <summary>By number and content of a packet that goes out: those that go in its place.</summary>
    public Func<int, byte[], byte[][]> Fate { get; set; } = (_, packet) => [packet];

    /// <summary>Whether an acknowledgment with this number gets lost.</summary>
    public Predicate<int> LosesAnswer { get; set; } = _ => false;

    /// <summary>After block 65535 comes block 1.</summary>
    public bool RollsToOne { get; set; }

    public int Requests { get; private set; }

    public string Url => $"tftp://127.0.0.1:{((IPEndPoint)_listener.Client.LocalEndPoint!).Port}/folder/disk";

    public void FallSilent() => _isSilent = true;

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        _listener.Dispose();
        await _running.ContinueWith(_ => { });
        await Task.WhenAll(_transfers).ContinueWith(_ => { });
        _end.Dispose();
    }

    private async Task RunAsync()
    {
        while (!_end.IsCancellationRequested)
        {
            var request = await _listener.ReceiveAsync(_end.Token);
            Requests++;
            if (!_isSilent)
                _transfers.Add(ServeAsync(request.Buffer, request.RemoteEndPoint));
        }
    }

    private async Task ServeAsync(byte[] request, IPEndPoint client)
    {
        using var socket = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        var words = Encoding.ASCII.GetString(request[2..]).Split('\0');
        var options = new Dictionary<string, int>();
        for (var i = 2; i + 1 < words.Length; i += 2)
        {
            if (Knows.Contains(words[i]))
                options[words[i]] = int.Parse(words[i + 1], CultureInfo.InvariantCulture);
        }

        if (options.ContainsKey("tsize"))
            options["tsize"] = Content.Length;
        var (size, window) = (options.GetValueOrDefault("blksize", 512), options.GetValueOrDefault("windowsize", 1));
        long last = (Content.Length / size) + 1;
        long done = options.Count > 0 ? -1 : 0;
        while (done < last)
        {
            if (done < 0)
                await SendAsync(socket, client, Answer(options));
            else
                for (var block = done + 1; block <= Math.Min(done + window, last); block++)
                    await SendAsync(socket, client, Data(block, size));
            done = await AnswerAsync(socket, done, window);
        }
    }

    /// <returns>What is done now: the same again where no answer comes.</returns>
    private async Task<long> AnswerAsync(UdpClient socket, long done, int window)
    {
        using var wait = CancellationTokenSource.CreateLinkedTokenSource(_end.Token);
        wait.CancelAfter(TimeSpan.FromMilliseconds(300));
        try
        {
            while (true)
            {
                var answer = (await socket.ReceiveAsync(wait.Token)).Buffer;
                if (answer[1] == 5)
                    throw new InvalidOperationException("called off");
                var number = BinaryPrimitives.ReadUInt16BigEndian(answer.AsSpan(2));
                if (answer[1] != 4 || LosesAnswer(_answers++))
                    continue;
                for (var block = Math.Max(done, 0); block <= done + window; block++)
                {
                    if (OnWire(block) == number)
                        return block;
                }
            }
        }
        catch (OperationCanceledException) when (!_end.IsCancellationRequested)
        {
            return done;
        }
    }

    private async Task SendAsync(UdpClient socket, IPEndPoint client, byte[] packet)
    {
        while (_isSilent)
            await Task.Delay(Timeout.Infinite, _end.Token);
        foreach (var sent in Fate(_packets++, packet))
            await socket.SendAsync(sent, client, _end.Token);
    }

    private byte[] Data(long block, int size)
    {
        var (start, number) = ((int)((block - 1) * size), OnWire(block));
        return [0, 3, (byte)(number >> 8), (byte)number, .. Content.AsSpan(start, Math.Min(size, Content.Length - start))];
    }

    private static byte[] Answer(Dictionary<string, int> options) =>
        [0, 6, .. Encoding.ASCII.GetBytes(string.Concat(options.Select(option => $"{option.Key}\0{option.Value}\0")))];

    private ushort OnWire(long block) => RollsToOne && block > 65535 ? (ushort)(((block - 1) % 65535) + 1) : (ushort)block;
}
