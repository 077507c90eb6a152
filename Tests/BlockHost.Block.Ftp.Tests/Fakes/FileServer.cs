// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace BlockHost.Block.Ftp.Tests.Fakes;

/// <summary>An FTP server in this process, with one file, that does what it is told, and otherwise what it should.</summary>
internal sealed class FileServer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _end = new();
    private readonly ConcurrentBag<IDisposable> _open = [];
    private readonly Task _running;
    private volatile bool _isSilent;

    public FileServer(byte[] content)
    {
        Content = content;
        _listener.Start(64);
        _running = RunAsync();
    }

    public byte[] Content { get; set; }

    public string Changed { get; set; } = "20260101000000";

    /// <summary>What is answered to a command in place of what should be.</summary>
    public Func<string, string?> Habit { get; set; } = _ => null;

    /// <summary>Bytes of each transfer after which its connection ends; null: none.</summary>
    public int? CutAt { get; set; }

    public ConcurrentQueue<string> Commands { get; } = [];

    public string Url => $"ftp://127.0.0.1:{((IPEndPoint)_listener.LocalEndpoint).Port}/folder/disk";

    /// <summary>From now on nothing is answered, and no data comes.</summary>
    public void FallSilent() => _isSilent = true;

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        _listener.Stop();
        foreach (var open in _open)
            open.Dispose();
        await _running.ContinueWith(_ => { });
        _end.Dispose();
    }

    private async Task RunAsync()
    {
        while (!_end.IsCancellationRequested)
        {
            var client = await _listener.AcceptTcpClientAsync(_end.Token);
            _open.Add(client);
            _ = ServeAsync(client).ContinueWith(_ => client.Dispose());
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        var stream = client.GetStream();
        using var reader = new StreamReader(stream, Encoding.Latin1, false, 4096, leaveOpen: true);
        TcpListener? data = null;
        var rest = 0;
        await SayAsync(stream, Habit("") ?? "220 ready");
        while (await reader.ReadLineAsync(_end.Token) is { } line)
        {
            Commands.Enqueue(line);
            if (_isSilent)
                await Task.Delay(Timeout.Infinite, _end.Token);
            var (verb, argument) = (line.Split(' ')[0], line[(line.IndexOf(' ', StringComparison.Ordinal) + 1)..]);
            if (verb == "REST")
                rest = int.Parse(argument, CultureInfo.InvariantCulture);
            if (verb is "EPSV" or "PASV")
            {
                data?.Stop();
                data = new TcpListener(IPAddress.Loopback, 0);
                data.Start();
            }

            var port = data is null ? 0 : ((IPEndPoint)data.LocalEndpoint).Port;
            var answer = Habit(verb)?.Replace("{port}", $"{port >> 8},{port & 255}", StringComparison.Ordinal) ?? verb switch
            {
                "USER" => "331 and the password",
                "PASS" => "230-Welcome\r\n200 is not the end\r\n230 in",
                "SIZE" => $"213 {Content.Length}",
                "MDTM" => $"213 {Changed}",
                "REST" => "350 there",
                "EPSV" => $"229 Entering (|||{port}|)",
                "RETR" => "150 it comes",
                "TYPE" => "200 image",
                _ => "502 what?",
            };
            await SayAsync(stream, answer);
            if (verb == "RETR" && answer.StartsWith('1'))
                await SayAsync(stream, await SendAsync(data!, rest) ? "226 done" : "426 called off");
        }
    }

    private async Task<bool> SendAsync(TcpListener listener, int rest)
    {
        using var client = await listener.AcceptTcpClientAsync(_end.Token);
        _open.Add(client);
        listener.Stop();
        var end = Math.Min(Content.Length, rest + (CutAt ?? Content.Length));
        try
        {
            for (var at = rest; at < end; at += 4096)
            {
                if (_isSilent)
                    await Task.Delay(Timeout.Infinite, _end.Token);
                await client.GetStream().WriteAsync(Content.AsMemory(at, Math.Min(4096, end - at)), _end.Token);
            }

            return true;
        }
        catch (IOException)
        {
            return false;
        }
    }

    private static async Task SayAsync(NetworkStream stream, string reply) =>
        await stream.WriteAsync(Encoding.Latin1.GetBytes(reply + "\r\n"));
}
