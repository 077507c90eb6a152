// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace BlockHost.Block.Http.Tests.Fakes;

/// <summary>What a client asked for; names of headers are in lower case.</summary>
internal sealed record WebRequest(string Method, string Path, IReadOnlyDictionary<string, string> Headers)
{
    /// <summary>The range's ends; null where none is asked for.</summary>
    public (int From, int To)? Range
    {
        get
        {
            if (!Headers.TryGetValue("range", out var range))
                return null;
            var ends = range["bytes=".Length..].Split('-');
            return (int.Parse(ends[0], CultureInfo.InvariantCulture), int.Parse(ends[1], CultureInfo.InvariantCulture));
        }
    }
}

/// <summary>What goes back.</summary>
internal sealed record WebAnswer(int Status, byte[] Body)
{
    public Dictionary<string, string> Headers { get; init; } = [];

    /// <summary>So many bytes of the body are sent; then the connection ends.</summary>
    public int? CutAt { get; init; }

    /// <summary>So many bytes of the body are sent; then nothing more comes.</summary>
    public int? StallAt { get; init; }
}

/// <summary>A web server in this process that does what it is told, and otherwise what it should.</summary>
internal sealed class WebServer : IAsyncDisposable
{
    public const string Tag = "\"one\"";

    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _end = new();
    private readonly ConcurrentBag<TcpClient> _clients = [];
    private readonly Task _running;
    private volatile bool _isSilent;

    public WebServer(byte[] content)
    {
        Content = content;
        _listener.Start(64);
        _running = RunAsync();
    }

    public byte[] Content { get; set; }

    /// <summary>Answers in its place; null: it answers as it should.</summary>
    public Func<WebRequest, WebAnswer?> Habit { get; set; } = _ => null;

    public ConcurrentQueue<WebRequest> Requests { get; } = [];

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public string Url => $"http://127.0.0.1:{Port}/disk";

    /// <summary>From now on nothing is answered.</summary>
    public void FallSilent() => _isSilent = true;

    /// <summary>The answer of a sane server.</summary>
    public WebAnswer Sane(WebRequest request)
    {
        var headers = new Dictionary<string, string> { ["Accept-Ranges"] = "bytes", ["ETag"] = Tag };
        if (request.Method == "HEAD" || request.Range is not { } range)
            return new(200, Content) { Headers = headers };
        var to = Math.Min(range.To, Content.Length - 1);
        headers["Content-Range"] = $"bytes {range.From}-{to}/{Content.Length}";
        return new(206, Content[range.From..(to + 1)]) { Headers = headers };
    }

    public async ValueTask DisposeAsync()
    {
        await _end.CancelAsync();
        _listener.Stop();
        foreach (var client in _clients)
            client.Dispose();
        await _running.ContinueWith(_ => { });
        _end.Dispose();
    }

    private async Task RunAsync()
    {
        while (!_end.IsCancellationRequested)
        {
            var client = await _listener.AcceptTcpClientAsync(_end.Token);
            _clients.Add(client);
            _ = ServeAsync(client).ContinueWith(_ => client.Dispose());
        }
    }

    private async Task ServeAsync(TcpClient client)
    {
        client.NoDelay = true;
        var stream = client.GetStream();
        using var reader = new StreamReader(stream, Encoding.Latin1, false, 4096, leaveOpen: true);
        while (await ReadAsync(reader) is { } request)
        {
            Requests.Enqueue(request);
            if (_isSilent)
                await Task.Delay(Timeout.Infinite, _end.Token);
            var answer = Habit(request) ?? Sane(request);
            if (!await SendAsync(stream, answer, withBody: request.Method != "HEAD"))
                return;
        }
    }

    private static async Task<WebRequest?> ReadAsync(StreamReader reader)
    {
        if (await reader.ReadLineAsync() is not { Length: > 0 } first)
            return null;
        var headers = new Dictionary<string, string>();
        while (await reader.ReadLineAsync() is { Length: > 0 } line)
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            headers[line[..colon].ToLowerInvariant()] = line[(colon + 1)..].Trim();
        }

        var words = first.Split(' ');
        return new(words[0], words[1], headers);
    }

    private async Task<bool> SendAsync(NetworkStream stream, WebAnswer answer, bool withBody)
    {
        var head = new StringBuilder($"HTTP/1.1 {answer.Status} X\r\n");
        if (!answer.Headers.ContainsKey("Content-Length"))
            head.Append(CultureInfo.InvariantCulture, $"Content-Length: {answer.Body.Length}\r\n");
        foreach (var (name, value) in answer.Headers.Where(header => header.Value.Length > 0))
            head.Append(CultureInfo.InvariantCulture, $"{name}: {value}\r\n");
        await stream.WriteAsync(Encoding.Latin1.GetBytes(head + "\r\n"));
        if (!withBody)
            return true;
        await stream.WriteAsync(answer.Body.AsMemory(0, answer.CutAt ?? answer.StallAt ?? answer.Body.Length));
        if (answer.StallAt is not null)
            await Task.Delay(Timeout.Infinite, _end.Token);
        return answer.CutAt is null;
    }
}
