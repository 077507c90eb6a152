// SPDX-License-Identifier: MIT
using System.Security.Cryptography;
using BlockHost.Block.Bitmaps;
using BlockHost.Plugins.Commands.Block.Types;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Commands.Block.Commands.Bitmaps;

/// <summary>x-debug-block-dirty-bitmap-sha256: a hash of the bits as QEMU keeps them, in whole words of 64.</summary>
internal static class BitmapSha256Command
{
    private const int Chunk = 65536;
    private const int WordBytes = 8;

    public static QmpCommand Create() => QmpCommand.Create(
        "x-debug-block-dirty-bitmap-sha256",
        () => CommandsJson.Default.BitmapArguments,
        () => CommandsJson.Default.BitmapSha256,
        (call, arguments, _) =>
            new ValueTask<BitmapSha256>(
                new BitmapSha256 { Sha256 = Hash(call.Host.Graph.FindDirtyBitmap(arguments.Node, arguments.Name)) }),
        features: ["unstable"]);

    private static string Hash(IDirtyBitmap bitmap)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var units = (bitmap.Length + bitmap.Granularity - 1) / bitmap.Granularity;
        var bytes = Math.Max(1, (units + 63) / 64) * WordBytes;
        var buffer = new byte[Chunk];
        for (long done = 0; done < bytes;)
        {
            var part = buffer.AsSpan(0, (int)Math.Min(Chunk, bytes - done));
            bitmap.ReadBits(done * 8, part);
            hash.AppendData(part);
            done += part.Length;
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }
}
