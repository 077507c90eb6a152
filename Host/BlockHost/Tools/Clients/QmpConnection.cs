// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Nodes;
using BlockHost.CommandLine;
using BlockHost.Composition;
using BlockHost.Qmp;

namespace BlockHost.Tools.Clients;

/// <summary>An error that the daemon answered.</summary>
internal sealed class QmpAnswerException(string errorClass, string message) : Exception(message)
{
    public string Class => errorClass;
}

/// <summary>A client of a daemon's monitor. Events are passed over.</summary>
internal sealed class QmpConnection : IDisposable
{
    private readonly StreamReader _reader;
    private readonly StreamWriter _writer;

    private QmpConnection(Stream stream)
    {
        _reader = new StreamReader(stream);
        _writer = new StreamWriter(stream) { NewLine = "\n", AutoFlush = true };
    }

    /// <exception cref="ToolException">Nobody, or no monitor, is there.</exception>
    public static async Task<QmpConnection> OpenAsync(string path, CancellationToken cancellationToken)
    {
        var endPoint = EndPointOf(path);
        var socket = endPoint is UnixDomainSocketEndPoint
            ? new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
            : new Socket(SocketType.Stream, ProtocolType.Tcp);
        try
        {
            await socket.ConnectAsync(endPoint, cancellationToken);
        }
        catch (Exception e) when (e is SocketException or ArgumentException)
        {
            socket.Dispose();
            throw new ToolException(
                $"no daemon answers at '{path}': {Reason(e)}; 'blockhost serve' starts one, and --qmp SOCKET names another's monitor");
        }

        var connection = new QmpConnection(new NetworkStream(socket, ownsSocket: true));
        try
        {
            if (!(await connection.ReadAsync(cancellationToken)).TryGetProperty("QMP", out _))
                throw new ToolException($"'{path}' is no QMP monitor");
            await connection.RunAsync("qmp_capabilities", arguments: null, cancellationToken);
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>A path, or where there is no such file, "host:port".</summary>
    private static EndPoint EndPointOf(string address)
    {
        var colon = address.LastIndexOf(':');
        if (colon <= 0 || File.Exists(address) || !ushort.TryParse(
            address.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port))
            return new UnixDomainSocketEndPoint(address);
        return new DnsEndPoint(address[..colon].Trim('[', ']'), port);
    }

    /// <summary>The runtime says of a socket that is not there that its address cannot be assigned.</summary>
    private static string Reason(Exception error) => error switch
    {
        SocketException { SocketErrorCode: SocketError.AddressNotAvailable } => "there is no such socket",
        SocketException { SocketErrorCode: SocketError.ConnectionRefused } => "nobody listens there any more",
        SocketException { SocketErrorCode: SocketError.AccessDenied } => "it is another user's",
        _ => error.Message,
    };

    /// <exception cref="QmpAnswerException">The daemon refused.</exception>
    public Task<JsonElement> RunAsync(string command, JsonObject? arguments, CancellationToken cancellationToken)
    {
        var request = new JsonObject { ["execute"] = command };
        if (arguments is not null)
            request["arguments"] = arguments;
        return AskAsync(HostJson.ToElement(request).GetRawText(), cancellationToken);
    }

    /// <param name="request">A whole JSON value, in one line: the daemon judges it.</param>
    /// <exception cref="QmpAnswerException">The daemon refused.</exception>
    public async Task<JsonElement> AskAsync(string request, CancellationToken cancellationToken)
    {
        await _writer.WriteLineAsync(request.AsMemory(), cancellationToken);
        while (true)
        {
            var message = await ReadAsync(cancellationToken);
            if (message.TryGetProperty("return", out var result))
                return result;
            if (message.TryGetProperty("error", out var error))
                throw new QmpAnswerException(error.GetProperty("class").GetString()!, error.GetProperty("desc").GetString()!);
        }
    }

    public void Dispose() => _reader.Dispose();

    private async Task<JsonElement> ReadAsync(CancellationToken cancellationToken)
    {
        try
        {
            var line = await _reader.ReadLineAsync(cancellationToken)
                ?? throw new ToolException("the daemon has ended the connection");
            using var document = JsonDocument.Parse(line, QmpJson.Reading);
            return document.RootElement.Clone();
        }
        catch (Exception e) when (e is IOException or JsonException)
        {
            throw new ToolException($"the daemon cannot be understood: {e.Message}");
        }
    }
}
