// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Block;
using BlockHost.Plugins.Commands.Migration;
using BlockHost.Plugins.Commands.Migration.Channels;
using BlockHost.Plugins.Commands.Migration.Format;
using BlockHost.Plugins.Commands.Migration.Streams;

namespace BlockHost.Commands.Migration.Tests;

/// <summary>Streams that lie, end early or were damaged: refused with a reason, and nothing of them is left.</summary>
public sealed class HostileStreamTests(HostileStreamTests.HostWithDisk shared) : IClassFixture<HostileStreamTests.HostWithDisk>
{
    private readonly MigrationHost _host = shared.Host;

    [Fact]
    public async Task A_stream_reads_as_it_was_written()
    {
        var stream = await StreamAsync();
        using var device = _host.Host.Machine.AddDevice("d", new FixtureDevice());
        using (var bitmaps = new IncomingBitmaps(_host.Host.Graph, new BitmapNames(null)))
        {
            var reader = Reader(stream, bitmaps);
            await reader.ReadAsync(CancellationToken.None);
            Assert.Equal("running", reader.RunState);
            Assert.Equal("state", System.Text.Encoding.UTF8.GetString(reader.States["d"].State.Span));
            var (one, two) = (Find("one"), Find("two"));
            Assert.Equal((65536, 512), (one.Granularity, two.Granularity));
            Assert.Equal((3 * 65536, 1 << 20), (one.DirtyBytes, two.DirtyBytes));
            Assert.True(two.IsDirty(5 << 20));
        }

        Assert.Empty(_host.Host.Graph.Lookup(null, "disk").DirtyBitmaps.Named);
    }

    [Fact]
    public async Task Damaged_streams_are_refused_and_leave_nothing()
    {
        var stream = await StreamAsync();
        using var device = _host.Host.Machine.AddDevice("d", new FixtureDevice());
        var random = new Random(Seed: 11);
        var refused = 0;
        var count = SearchSize.Of("BLOCKHOST_STREAM_MUTANTS", sample: 400);
        for (var i = 0; i < count; i++)
        {
            var mutant = Mutate(stream, random);
            using var bitmaps = new IncomingBitmaps(_host.Host.Graph, new BitmapNames(null));
            var error = await Record.ExceptionAsync(() => Reader(mutant, bitmaps).ReadAsync(CancellationToken.None).AsTask());
            Assert.True(
                error is null or InvalidDataException or EndOfStreamException or BlockException, $"{i}: {error}");
            refused += error is null ? 0 : 1;
            bitmaps.Dispose();
            Assert.Empty(_host.Host.Graph.Lookup(null, "disk").DirtyBitmaps.Named);
        }

        Assert.True(refused > count / 4, $"only {refused} of {count} were refused");
    }

    [Fact]
    public async Task Every_stream_that_is_cut_is_refused()
    {
        var stream = await StreamAsync();
        using var device = _host.Host.Machine.AddDevice("d", new FixtureDevice());
        var whole = stream.AsSpan().LastIndexOf((ReadOnlySpan<byte>)[StreamLayout.End, StreamLayout.Description]);
        for (var length = 0; length <= whole; length += length < 200 || length > whole - 300 ? 1 : 61)
        {
            using var bitmaps = new IncomingBitmaps(_host.Host.Graph, new BitmapNames(null));
            await Assert.ThrowsAsync<EndOfStreamException>(
                () => Reader(stream[..length], bitmaps).ReadAsync(CancellationToken.None).AsTask());
        }
    }

    [Theory]
    [InlineData("", "The stream has ended early")]
    [InlineData("garbage1", "Not a migration stream")]
    [InlineData("QEVM\0\0\0\u0002", "SaveVM v2 format is obsolete and don't work anymore")]
    [InlineData("QEVM\0\0\0\u0004", "Unsupported migration stream version")]
    [InlineData("QEVM\0\0\0\u0003\u0007\0\0\0\u0002pc", "Machine type received is 'pc' and local is 'none'")]
    [InlineData("QEVM\0\0\0\u0003\u0007\0\0\u0010\0", "The name of a machine of 4096 bytes is too long")]
    [InlineData("QEVM\0\0\0\u0003\u0007\0\0\0\u0004none\u0033", "Unknown savevm section type 51")]
    [InlineData(
        "QEVM\0\0\0\u0003\u0007\0\0\0\u0004none\u0004\0\0\0\u0001\u0003foo\0\0\0\0\0\0\0\u0001",
        "Unknown savevm section or instance 'foo' 0. Make sure that your current VM setup matches your saved VM setup, including any hotplugged devices")]
    [InlineData("QEVM\0\0\0\u0003\u0007\0\0\0\u0004none\u0008\0\u0009\0\0", "MIG_CMD 0x9 unknown (len 0x0)")]
    [InlineData(
        "QEVM\0\0\0\u0003\u0007\0\0\0\u0004none\u0001\0\0\0\u0001\u0003ram\0\0\0\0\0\0\0\u0004\0\0\0\0\u0008\0\0\u0004",
        "The machine over there has memory, which there is none of here")]
    [InlineData("QEVM\0\0\0\u0003\u0007\0\0\0\u0004none\u0002\0\0\0\u0001", "Unknown savevm section 1")]
    public async Task What_it_is_refused_with_is_QEMUs(string stream, string reason)
    {
        using var bitmaps = new IncomingBitmaps(_host.Host.Graph, new BitmapNames(null));
        var error = await Record.ExceptionAsync(
            () => Reader([.. stream.Select(letter => (byte)letter)], bitmaps).ReadAsync(CancellationToken.None).AsTask());
        Assert.True(error is InvalidDataException or EndOfStreamException, $"{error}");
        Assert.Equal(reason, error.Message);
    }

    [Fact]
    public async Task A_device_that_is_not_here_is_passed_over_only_where_that_is_allowed()
    {
        var needed = await StreamAsync();
        var optional = await StreamAsync(isOptional: true);
        using var bitmaps = new IncomingBitmaps(_host.Host.Graph, new BitmapNames(null));
        var error = await Assert.ThrowsAsync<InvalidDataException>(
            () => Reader(needed, bitmaps).ReadAsync(CancellationToken.None).AsTask());
        Assert.Equal("There is no device 'd' here whose state came", error.Message);
        bitmaps.Dispose();
        using var others = new IncomingBitmaps(_host.Host.Graph, new BitmapNames(null));
        await Reader(optional, others).ReadAsync(CancellationToken.None);
    }

    [Fact]
    public async Task A_device_whose_state_does_not_come_is_named()
    {
        using var device = _host.Host.Machine.AddDevice("left", new FixtureDevice());
        var stream = "QEVM\0\0\0\u0003\u0007\0\0\0\u0004none\0"u8.ToArray();
        using var bitmaps = new IncomingBitmaps(_host.Host.Graph, new BitmapNames(null));
        var error = await Assert.ThrowsAsync<InvalidDataException>(
            () => Reader(stream, bitmaps).ReadAsync(CancellationToken.None).AsTask());
        Assert.Equal("The state of device 'left' has not come", error.Message);
    }

    private Block.Bitmaps.IDirtyBitmap Find(string name) =>
        _host.Host.Graph.Lookup(null, "disk").DirtyBitmaps.Find(name)!;

    private StateReader Reader(byte[] stream, IncomingBitmaps bitmaps) =>
        new(new StreamInput(new MemoryStream(stream)), _host.Host.Machine.Devices, bitmaps);

    /// <summary>Two bitmaps and a device's state.</summary>
    private async Task<byte[]> StreamAsync(bool isOptional = false)
    {
        var bitmaps = _host.Host.Graph.Lookup(null, "disk").DirtyBitmaps;
        using var one = await bitmaps.AddAsync(new() { Name = "one", Granularity = 65536 }, CancellationToken.None);
        using var two = await bitmaps.AddAsync(new() { Name = "two", Granularity = 512 }, CancellationToken.None);
        one.Set(65536, 3 * 65536);
        two.Set(5 << 20, 1 << 20);
        var device = new FixtureDevice { State = "state", IsOptional = isOptional };
        await device.StopAsync(CancellationToken.None);
        var stream = new MemoryStream();
        using var sent = new OutgoingBitmaps(_host.Host.Graph, new BitmapNames(null));
        var writer = new StateWriter(new MigrationChannel(stream, isTwoWay: false), sent);
        await writer.BeginAsync(CancellationToken.None);
        await writer.WriteStateAsync("running", [new("d", device)], CancellationToken.None);
        await writer.EndAsync(CancellationToken.None);
        return stream.ToArray();
    }

    /// <summary>One for all tests, which leave it as it was.</summary>
    public sealed class HostWithDisk : IAsyncLifetime
    {
        internal MigrationHost Host { get; private set; } = null!;

        public async Task InitializeAsync()
        {
            Host = await MigrationHost.StartAsync();
            await Host.RunAsync("blockdev-add", """{"driver":"null-co","node-name":"disk","size":67108864}""");
        }

        public async Task DisposeAsync() => await Host.DisposeAsync();
    }

    private static byte[] Mutate(byte[] stream, Random random)
    {
        var mutant = stream.ToArray();
        // The names, numbers and frames are where it begins and ends.
        var at = random.Next(3) switch
        {
            0 => random.Next(Math.Min(200, mutant.Length)),
            1 => mutant.Length - 1 - random.Next(Math.Min(400, mutant.Length)),
            _ => random.Next(mutant.Length),
        };
        switch (random.Next(4))
        {
            case 0:
                mutant[at] ^= (byte)(1 << random.Next(8));
                return mutant;
            case 1:
                mutant[at] = (byte)random.Next(256);
                return mutant;
            case 2:
                return [.. mutant[..at], .. mutant[Math.Min(mutant.Length, at + random.Next(1, 9))..]];
            default:
                if (at > mutant.Length - 4)
                    at = mutant.Length - 4;
                BinaryPrimitives.WriteUInt32BigEndian(mutant.AsSpan(at), random.Next(2) == 0 ? uint.MaxValue : 0x7fffffff);
                return mutant;
        }
    }
}
