// SPDX-License-Identifier: MIT
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace BlockHost.Block.Iscsi.Tests.Fakes;

/// <summary>A target with a disk in memory that does what it should, but for what a test has it do.</summary>
internal sealed class FakeTarget : IDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly List<TcpClient> _clients = [];
    private readonly List<string> _seen = [];

    public FakeTarget()
    {
        _listener.Start();
        Port = ((IPEndPoint)_listener.LocalEndpoint).Port;
        _ = AcceptAsync().ContinueWith(_ => { });
    }

    public int Port { get; }

    public byte[] Disk { get; init; } = new byte[1 << 20];

    /// <summary>Its answers in a login.</summary>
    public Dictionary<string, string> Keys { get; } = new()
    {
        ["HeaderDigest"] = "None",
        ["DataDigest"] = "None",
        ["InitialR2T"] = "No",
        ["ImmediateData"] = "Yes",
        ["MaxRecvDataSegmentLength"] = "65536",
        ["MaxBurstLength"] = "262144",
        ["FirstBurstLength"] = "65536",
    };

    public string PortalGroup { get; set; } = "1";

    /// <summary>Bytes of one Data-In PDU.</summary>
    public int DataInLength { get; init; } = 65536;

    /// <summary>So many commands behind the last one that came.</summary>
    public uint Window { get; set; } = 64;

    /// <summary>Does something else with a PDU, and answers true; false: it is done as it should.</summary>
    public Func<TargetSession, TargetPdu, Task<bool>>? Instead { get; set; }

    /// <summary>What goes out, changed.</summary>
    public Func<byte[], byte[]>? Mutate { get; set; }

    /// <summary>What came, as opcode and first byte of a command: "01 28".</summary>
    public List<string> Seen
    {
        get
        {
            lock (_seen)
                return [.. _seen];
        }
    }

    public JsonElement Options(string more = "{}")
    {
        var options = JsonNode.Parse(more)!.AsObject();
        options["transport"] = "tcp";
        options["portal"] ??= $"127.0.0.1:{Port}";
        options["target"] = "iqn.2024-01.test:fake";
        options["lun"] = 1;
        return JsonSerializer.SerializeToElement(options);
    }

    public void Saw(TargetPdu pdu)
    {
        lock (_seen)
            _seen.Add(pdu.Opcode == 1 ? $"01 {pdu.Command:x2}" : $"{pdu.Opcode:x2}");
    }

    /// <summary>All connections end; new ones can be made.</summary>
    public void Cut()
    {
        lock (_clients)
        {
            _clients.ForEach(client => client.Close());
            _clients.Clear();
        }
    }

    public void Dispose()
    {
        _listener.Dispose();
        Cut();
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            var client = await _listener.AcceptTcpClientAsync();
            client.NoDelay = true;
            lock (_clients)
                _clients.Add(client);
            _ = new TargetSession(this, client.GetStream()).RunAsync().ContinueWith(_ => client.Close());
        }
    }
}
