// SPDX-License-Identifier: MIT
using System.Net.Sockets;

namespace BlockHost.Block.Nbd.Tests.Fakes;

/// <summary>
/// An NBD server with one disk in memory, that does at once what it is asked for, until a test has other wishes.
/// </summary>
internal sealed class MemoryServer : IAsyncDisposable
{
    private readonly Lock _gate = new();
    private readonly List<Socket> _clients = [];
    private readonly List<Task> _serving = [];
    private readonly string _folder = Directory.CreateTempSubdirectory("nbd").FullName;
    private Socket? _listener;
    private Task _accepting = Task.CompletedTask;

    public MemoryServer(int size) => Disk = new byte[size];

    public byte[] Disk { get; set; }

    public ServerHabits Habits { get; } = new();

    public string SocketPath => Path.Combine(_folder, "s");

    public int Connections { get; private set; }

    public MemoryServer Start()
    {
        File.Delete(SocketPath);
        _listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        _listener.Bind(new UnixDomainSocketEndPoint(SocketPath));
        _listener.Listen();
        _accepting = AcceptAsync(_listener);
        return this;
    }

    /// <summary>Nobody can connect any more, and those who are there are cut off.</summary>
    public void Stop()
    {
        _listener?.Dispose();
        _listener = null;
        CutOff();
    }

    public void CutOff()
    {
        lock (_gate)
        {
            _clients.ForEach(client => client.Dispose());
            _clients.Clear();
        }
    }

    public async ValueTask DisposeAsync()
    {
        Stop();
        Habits.GoOn();
        await _accepting;
        await Task.WhenAll(_serving);
        Directory.Delete(_folder, recursive: true);
    }

    private async Task AcceptAsync(Socket listener)
    {
        try
        {
            while (true)
            {
                var client = await listener.AcceptAsync();
                lock (_gate)
                {
                    Connections++;
                    _clients.Add(client);
                    _serving.Add(Task.Run(() => ServeAsync(client)));
                }
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // Stopped.
        }
    }

    private async Task ServeAsync(Socket client)
    {
        try
        {
            await using var stream = new NetworkStream(client, ownsSocket: true);
            if (await new ServerHandshake(stream, this).RunAsync())
                await new ServerRequests(stream, this).RunAsync();
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // The client has left, or has been cut off.
        }
    }
}
