// SPDX-License-Identifier: MIT
using BlockHost.Block.Ssh.Tests.Fakes;
using BlockHost.Plugins.Block.Ssh.Sftp;

namespace BlockHost.Block.Ssh.Tests;

/// <summary>A server may say anything: the channel ends, every request fails, and no byte lands where none is wanted.</summary>
public sealed class HostileServerTests
{
    private const byte ReadRequest = 5;
    private const byte Data = 103;

    [Theory]
    [InlineData("00000000", "a greeting of 0 bytes")]
    [InlineData("7fffffff", "a greeting of 2147483647 bytes")]
    [InlineData("00000005" + "0200000002", "no SFTP server of version 3 greets")]
    [InlineData("00000005" + "6500000003", "no SFTP server of version 3 greets")]
    [InlineData("00000002" + "0200", "a packet ends too early")]
    [InlineData("00000009" + "0200000003" + "000000ff", "a string is longer than its packet")]
    [InlineData("0000000a" + "0200000003" + "0000000161", "a packet ends too early")]
    public async Task Greetings(string greeting, string reason)
    {
        using var server = new ScriptedServer(Convert.FromHexString(greeting), (_, _) => null);
        await using var channel = new SftpChannel(server.Stream, TimeProvider.System, TimeSpan.Zero);

        var error = await Assert.ThrowsAnyAsync<IOException>(
            async () => await channel.StartAsync(CancellationToken.None).WaitAsync(Client.Soon));

        Assert.EndsWith(reason, error.Message);
    }

    /// <summary>Answers to reads of 16 bytes; ID is the request's.</summary>
    [Theory]
    [InlineData("00000000", "a packet of 0 bytes")]
    [InlineData("ffffffff", "a packet of 4294967295 bytes")]
    [InlineData("00000009" + "67" + "12345678" + "00000000", "an answer to no request")]
    [InlineData("00000005" + "67ID", "a packet ends too early")]
    [InlineData("00000009" + "67ID" + "00000001", "1 bytes of data where 16 were asked for")]
    [InlineData(
        "0000001a" + "67ID" + "00000011" + "1111111111111111111111111111111111", "17 bytes of data where 16 were asked for")]
    [InlineData("00000009" + "67ID" + "00000000", "no data, and no end of the file either")]
    [InlineData("00000009" + "66ID" + "00000000", "a packet of type 102 where a status was due")]
    [InlineData("00000005" + "65ID", "a packet ends too early")]
    [InlineData("0000000d" + "65ID" + "00000004" + "0000ffff", "a string is longer than its packet")]
    public async Task Answers(string answer, string reason)
    {
        using var server = new ScriptedServer(ScriptedServer.Greeting, (type, body) => type == ReadRequest
            ? Convert.FromHexString(answer.Replace("ID", Convert.ToHexString(body[..4]), StringComparison.Ordinal))
            : Opened(body));
        await using var channel = new SftpChannel(server.Stream, TimeProvider.System, TimeSpan.Zero);
        await channel.StartAsync(CancellationToken.None);
        var file = await SftpFile.OpenAsync(channel, "x", SftpOpenFlags.Read);
        var target = new byte[32];

        var error = await Assert.ThrowsAnyAsync<IOException>(
            async () => await file.ReadAsync(0, target.AsMemory(0, 16)).AsTask().WaitAsync(Client.Soon));

        Assert.EndsWith(reason, error.Message);
        Assert.All(target[16..], left => Assert.Equal(0, left));
    }

    [Fact]
    public async Task Data_in_small_pieces_becomes_the_whole_and_what_is_behind_the_end_zeroes()
    {
        using var server = new ScriptedServer(ScriptedServer.Greeting, (type, body) => type != ReadRequest
            ? Opened(body)
            : body[^5] < 12
                ? ScriptedServer.Packet([Data, .. body[..4], 0, 0, 0, 3, .. Three(after: body[^5])])
                : ScriptedServer.Packet([101, .. body[..4], 0, 0, 0, 1]));
        await using var channel = new SftpChannel(server.Stream, TimeProvider.System, TimeSpan.Zero);
        await channel.StartAsync(CancellationToken.None);
        var file = await SftpFile.OpenAsync(channel, "x", SftpOpenFlags.Read);
        var target = new byte[16];
        target.AsSpan().Fill(9);

        await file.ReadAsync(0, target).AsTask().WaitAsync(Client.Soon);

        Assert.Equal([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 0, 0, 0], target);
    }

    /// <summary>
    /// BLOCKHOST_MUTANTS: so many sessions with some bytes of answers changed; none ends in anything but an answer or an error.
    /// </summary>
    [Fact]
    public async Task Answers_with_bytes_changed()
    {
        var mutants = SearchSize.Of("BLOCKHOST_MUTANTS", 100);
        for (var seed = 0; seed < mutants; seed++)
        {
            var random = new Random(seed);
            using var server = new ScriptedServer(
                Mutated(ScriptedServer.Greeting, random, seldom: true),
                (type, body) => Mutated(Sane(type, body), random, seldom: false));
            await using var channel = new SftpChannel(server.Stream, TimeProvider.System, TimeSpan.FromMilliseconds(200));
            using var soon = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));
            var target = new byte[4096 + 16];
            try
            {
                await channel.StartAsync(soon.Token);
                var file = await SftpFile.OpenAsync(channel, "x", SftpOpenFlags.Read);
                _ = await file.LengthAsync();
                await file.ReadAsync(0, target.AsMemory(0, 4096)).AsTask().WaitAsync(Client.Soon);
            }
            catch (Exception e) when (e is IOException or OperationCanceledException)
            {
                // As it should.
            }

            Assert.All(target[4096..], left => Assert.Equal(0, left));
        }
    }

    private static IEnumerable<byte> Three(byte after) => Enumerable.Range(after + 1, 3).Select(number => (byte)number);

    private static byte[] Sane(byte type, byte[] body) => type switch
    {
        ReadRequest => ScriptedServer.Packet([Data, .. body[..4], 0, 0, 16, 0, .. new byte[4096]]),
        8 => ScriptedServer.Packet([105, .. body[..4], 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0]),
        _ => Opened(body),
    };

    private static byte[] Opened(byte[] body) => ScriptedServer.Packet([102, .. body[..4], 0, 0, 0, 1, 7]);

    private static byte[] Mutated(byte[] packet, Random random, bool seldom)
    {
        var mutant = (byte[])packet.Clone();
        if (seldom && random.Next(4) > 0)
            return mutant;
        for (var changes = random.Next(3); changes > 0; changes--)
            mutant[random.Next(Math.Min(mutant.Length, 24))] = (byte)random.Next(256);
        return mutant;
    }
}
