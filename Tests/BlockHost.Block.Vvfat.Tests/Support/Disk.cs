// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins.Block.Vvfat;

namespace BlockHost.Block.Vvfat.Tests.Support;

/// <summary>A folder, open as a disk.</summary>
internal sealed class Disk : IAsyncDisposable
{
    private Disk(BlockNode node) => Node = node;

    public BlockNode Node { get; }

    public static async Task<Disk> OpenAsync(VvfatOptions options, bool readOnly = true)
    {
        var driver = PluginContents.Of(new VvfatPlugin()).Driver("vvfat");
        var context = new TestNodeContext(new TestPluginHost()) { ReadOnly = readOnly, AutoReadOnly = true };
        return new Disk(await driver.OpenAsync(
            context, JsonSerializer.SerializeToElement(options, VvfatJson.Default.VvfatOptions), CancellationToken.None));
    }

    public static Task<Disk> OpenAsync(string folder) => OpenAsync(new VvfatOptions { Dir = folder });

    public async Task<byte[]> ReadAsync(long offset, int length)
    {
        var bytes = new byte[length];
        await Node.ReadAsync(offset, bytes, ReadFlags.None, CancellationToken.None);
        return bytes;
    }

    /// <summary>Where the file's content begins on the disk, for a file that has bytes found nowhere else.</summary>
    public async Task<long> FindAsync(byte[] beginning)
    {
        const int Piece = 1 << 20;
        for (long offset = 0; offset < Node.Profile.Length;)
        {
            var status = await StatusAsync(offset);
            if (!status.Flags.HasFlag(BlockStatusFlags.Zero))
            {
                for (long at = 0; at < status.Bytes; at += Piece)
                {
                    var bytes = await ReadAsync(offset + at, (int)Math.Min(Piece, status.Bytes - at));
                    for (var sector = 0; sector < bytes.Length; sector += 512)
                    {
                        if (bytes.AsSpan(sector).StartsWith(beginning))
                            return offset + at + sector;
                    }
                }
            }

            offset += status.Bytes;
        }

        throw new InvalidOperationException("It is nowhere on the disk");
    }

    /// <summary>Writes the disk, from <paramref name="start"/> on, into a file that programs can judge.</summary>
    public async Task SaveAsync(string path, long start = 0)
    {
        const int Piece = 1 << 20;
        using var file = File.OpenHandle(path, FileMode.Create, FileAccess.Write);
        RandomAccess.SetLength(file, Node.Profile.Length - start);
        for (var offset = start; offset < Node.Profile.Length;)
        {
            var status = await StatusAsync(offset);
            for (long at = 0; at < status.Bytes && !status.Flags.HasFlag(BlockStatusFlags.Zero); at += Piece)
            {
                var bytes = await ReadAsync(offset + at, (int)Math.Min(Piece, status.Bytes - at));
                RandomAccess.Write(file, bytes, offset + at - start);
            }

            offset += status.Bytes;
        }
    }

    public ValueTask DisposeAsync() => Node.DisposeAsync();

    private ValueTask<BlockStatus> StatusAsync(long offset) =>
        Node.GetStatusAsync(offset, Node.Profile.Length - offset, StatusPrecision.WantZero, CancellationToken.None);
}
