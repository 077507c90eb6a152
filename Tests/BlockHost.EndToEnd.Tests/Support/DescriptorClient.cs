// SPDX-License-Identifier: MIT
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using BlockHost.Posix;

namespace BlockHost.EndToEnd.Tests.Support;

/// <summary>A QMP client that sends open files beside its commands.</summary>
internal sealed class DescriptorClient : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly StreamReader _reader;

    public DescriptorClient(string path)
    {
        _socket.Connect(new UnixDomainSocketEndPoint(path));
        _reader = new StreamReader(new NetworkStream(_socket));
        _reader.ReadLine();
        Send("""{"execute": "qmp_capabilities"}""");
    }

    /// <returns>The answer: its error's text, or what it returns.</returns>
    public string Send(string command, params ReadOnlySpan<int> descriptors)
    {
        var sent = DescriptorPassing.Send(
            (int)_socket.SafeHandle.DangerousGetHandle(), Encoding.UTF8.GetBytes(command), descriptors);
        Assert.Equal(command.Length, sent);
        while (true)
        {
            using var message = JsonDocument.Parse(_reader.ReadLine()!);
            if (message.RootElement.TryGetProperty("error", out var error))
                return $"{error.GetProperty("class")}: {error.GetProperty("desc")}";
            if (message.RootElement.TryGetProperty("return", out var result))
                return result.GetRawText();
        }
    }

    public void Dispose()
    {
        _reader.Dispose();
        _socket.Dispose();
    }
}
