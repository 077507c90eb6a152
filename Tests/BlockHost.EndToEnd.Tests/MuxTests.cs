// SPDX-License-Identifier: MIT
using System.Net.Sockets;
using System.Text;
using BlockHost.EndToEnd.Tests.Support;

namespace BlockHost.EndToEnd.Tests;

/// <summary>Two monitors over one socket: Ctrl-A c goes from one to the other.</summary>
public sealed class MuxTests : IDisposable
{
    private readonly Folder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Each_monitor_has_its_turn()
    {
        await using var daemon = await ServerProcess.StartAsync(
            _folder["s"], _folder.Path, Programs.Native,
            "serve", "--chardev", "socket,id=s,path=s,server=on,wait=off", "--chardev", "mux,id=m,chardev=s",
            "--monitor", "chardev=m", "--monitor", "chardev=m");
        using var user = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { ReceiveTimeout = 10_000 };
        user.Connect(new UnixDomainSocketEndPoint(_folder["s"]));

        string TypeAndRead(string typed, string until)
        {
            user.Send(Encoding.ASCII.GetBytes(typed));
            var read = new StringBuilder();
            var buffer = new byte[4096];
            while (!read.ToString().Contains(until, StringComparison.Ordinal))
            {
                try
                {
                    read.Append(Encoding.ASCII.GetString(buffer, 0, user.Receive(buffer)));
                }
                catch (SocketException e)
                {
                    Assert.Fail($"after '{typed}' came '{read}': {e.Message}");
                }
            }

            return read.ToString();
        }

        TypeAndRead("{\"execute\": \"qmp_capabilities\"}\n", "{\"return\": {}}");
        TypeAndRead("\u0001c{\"execute\": \"query-status\"}\n", "Expecting capabilities negotiation");
        TypeAndRead("\u0001c{\"execute\": \"query-status\"}\n", "\"status\": \"running\"");
        var help = TypeAndRead("\u0001h", "sends C-a\n\r");
        var stamped = TypeAndRead(
            "\u0001t{\"execute\": \"query-status\"}\n{\"execute\": \"query-status\", \"id\": 2}\n", "\"id\": 2");
        TypeAndRead("\u0001x", "QEMU: Terminated");

        Assert.Contains("C-a c    switch between console and monitor\n\r", help, StringComparison.Ordinal);
        Assert.Contains("\n[00:00:", stamped, StringComparison.Ordinal);
        Assert.Equal(0, await daemon.ExitCodeAsync());
    }
}
