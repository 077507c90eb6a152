// SPDX-License-Identifier: MIT
using System.Net.Sockets;
using System.Text.Json;

namespace BlockHost.EndToEnd.Tests.Support;

/// <summary>A plain QMP client on a Unix socket.</summary>
internal sealed class QmpClient : IDisposable
{
    private readonly StreamReader _reader;
    private readonly StreamWriter _writer;

    private QmpClient(Stream stream)
    {
        _reader = new StreamReader(stream);
        _writer = new StreamWriter(stream) { AutoFlush = true };
    }

    public List<JsonElement> Events { get; } = [];

    public static async Task<QmpClient> ConnectAsync(string path)
    {
        var client = await OpenAsync(path);
        await client.RunAsync("""{"execute": "qmp_capabilities"}""");
        return client;
    }

    /// <summary>Connects, and leaves the negotiation to the caller.</summary>
    public static async Task<QmpClient> OpenAsync(string path)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(path));
        var client = new QmpClient(new NetworkStream(socket, ownsSocket: true));
        Assert.True((await client.ReadAsync()).TryGetProperty("QMP", out _));
        return client;
    }

    /// <summary>Sends a command that must succeed.</summary>
    public async Task<JsonElement> RunAsync(string command)
    {
        var answer = await SendAsync(command);
        Assert.True(answer.TryGetProperty("return", out var result), $"{command}: {answer}");
        return result;
    }

    /// <summary>Sends a command and gives the answer, "return" or "error".</summary>
    public async Task<JsonElement> SendAsync(string command)
    {
        await _writer.WriteLineAsync(command);
        while (true)
        {
            var message = await ReadAsync();
            if (!message.TryGetProperty("event", out _))
                return message;
            Events.Add(message);
        }
    }

    /// <summary>Sends a command whose answer somebody else reads.</summary>
    public Task WriteAsync(string command) => _writer.WriteLineAsync(command);

    /// <summary>Waits for an event, which may have come before; it and those before it are forgotten.</summary>
    public async Task WaitForAsync(Predicate<JsonElement> isIt)
    {
        while (true)
        {
            if (Events.FindIndex(isIt) is >= 0 and var found)
            {
                Events.RemoveRange(0, found + 1);
                return;
            }

            var message = await ReadAsync();
            Assert.True(message.TryGetProperty("event", out _), $"no event: {message}");
            Events.Add(message);
        }
    }

    public void Dispose() => _reader.Dispose();

    /// <summary>The next message, whatever it is.</summary>
    public async Task<JsonElement> ReadAsync()
    {
        var line = await _reader.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(60))
            ?? throw new EndOfStreamException("The monitor has ended");
        return JsonDocument.Parse(line).RootElement;
    }
}
