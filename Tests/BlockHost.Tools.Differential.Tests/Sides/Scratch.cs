// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;

namespace BlockHost.Tools.Differential.Tests.Sides;

/// <summary>One side's folder and the servers that run in it.</summary>
internal sealed class Scratch(string path) : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly List<Process> _servers = [];
    private readonly Dictionary<string, LoopDevice> _devices = new(StringComparer.Ordinal);

    public string Folder { get; } = Directory.CreateDirectory(path).FullName;

    public string this[string name] => Path.Combine(Folder, name);

    /// <summary>Starts a server, and waits until <paramref name="socket"/> is there and, being one, is listened on.</summary>
    public void Serve(string socket, string program, IReadOnlyList<string> args)
    {
        var server = ProgramRunner.Start(
            Folder, program, [.. args.Select(arg => WithDevices(arg.Replace("DIR/", Folder + "/", StringComparison.Ordinal)))]);
        _servers.Add(server);
        var clock = Stopwatch.StartNew();
        while (!Readiness.IsReady(this[socket]))
        {
            if (server.HasExited)
                throw new InvalidOperationException(
                    $"{program} has ended with {server.ExitCode}: {server.StandardError.ReadToEnd()}");
            if (clock.Elapsed > Patience)
                throw new TimeoutException($"{program} does not make {socket}");
            Thread.Sleep(5);
        }

        if (args.Contains("-t"))
            AwaitGreeting(this[socket]);
    }

    /// <summary>The socket is there before the image is open; a server that stays is greeted once, so that it is.</summary>
    private static void AwaitGreeting(string path)
    {
        using var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
        { ReceiveTimeout = (int)Patience.TotalMilliseconds };
        client.Connect(new UnixDomainSocketEndPoint(path));
        _ = client.Receive(new byte[8]);
    }

    /// <summary>A device over the file "NAME.disk", with a link NAME to it.</summary>
    /// <returns>False where no loop device can be made.</returns>
    public bool TryAttach(string name, long size)
    {
        MakeFile(name + ".disk", size);
        if (LoopDevice.TryAttach(this[name + ".disk"]) is not { } device)
            return false;
        _devices.Add($"%{name}%", device);
        File.CreateSymbolicLink(this[name], device.Path);
        return true;
    }

    /// <summary>%NAME% is the path of the device behind the link NAME.</summary>
    public string WithDevices(string text) =>
        _devices.Aggregate(text, (result, device) => result.Replace(device.Key, device.Value.Path, StringComparison.Ordinal));

    /// <summary>The same the other way.</summary>
    public string WithoutDevices(string text) =>
        _devices.Aggregate(text, (result, device) => result.Replace(device.Value.Path, device.Key, StringComparison.Ordinal));

    /// <summary>Afterwards the files hold what was written to the devices.</summary>
    public void Detach()
    {
        foreach (var (name, device) in _devices)
        {
            device.Dispose();
            File.Delete(this[name.Trim('%')]);
        }

        _devices.Clear();
    }

    public void MakeFile(string name, long size)
    {
        using var file = File.Create(this[name]);
        file.SetLength(size);
    }

    public void Write(string name, long offset, ReadOnlySpan<byte> bytes)
    {
        using var file = File.OpenHandle(this[name], FileMode.OpenOrCreate, FileAccess.Write);
        RandomAccess.Write(file, bytes, offset);
    }

    public void EndServers()
    {
        foreach (var server in _servers)
        {
            using (server)
            {
                Process.Start("kill", server.Id.ToString(CultureInfo.InvariantCulture)).WaitForExit();
                if (!server.WaitForExit(Patience))
                    server.Kill();
            }
        }

        _servers.Clear();
    }

    public void Dispose()
    {
        EndServers();
        Detach();
        Directory.Delete(Folder, recursive: true);
    }
}
