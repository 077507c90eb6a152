// SPDX-License-Identifier: MIT
using System.Buffers;
using BlockHost.Block;

namespace BlockHost.Crypto.Sectors;

/// <summary>
/// Encrypts and decrypts what requests carry, whatever memory that is in. A large one is spread over the processor's cores.
/// </summary>
public sealed class SectorRequests(SectorCipher cipher)
{
    private const int SectorBytes = SectorCipher.SectorBytes;

    /// <summary>Bytes for one core: less is done sooner than another core has begun.</summary>
    private const int Share = 128 << 10;

    private static readonly int Cores = Environment.ProcessorCount;

    /// <param name="data">Whole sectors, decrypted in place.</param>
    /// <param name="sector">The first one's number.</param>
    public ValueTask DecryptAsync(IoSlice data, ulong sector)
    {
        if (!data.TryGetMemory(out var memory))
        {
            DecryptParts(data, sector);
            return ValueTask.CompletedTask;
        }

        if (memory.Length >= 2 * Share && Cores > 1)
            return SpreadAsync(memory, memory, sector, encrypts: false);
        cipher.Decrypt(memory.Span, memory.Span, sector);
        return ValueTask.CompletedTask;
    }

    /// <param name="source">Whole sectors, which stay as they are.</param>
    /// <param name="target">As long.</param>
    public ValueTask EncryptAsync(IoSlice source, Memory<byte> target, ulong sector)
    {
        if (!source.TryGetMemory(out var memory))
        {
            source.CopyTo(target.Span);
            memory = target;
        }

        if (memory.Length >= 2 * Share && Cores > 1)
            return SpreadAsync(memory, target, sector, encrypts: true);
        cipher.Encrypt(memory.Span, target.Span, sector);
        return ValueTask.CompletedTask;
    }

    private async ValueTask SpreadAsync(ReadOnlyMemory<byte> source, Memory<byte> target, ulong sector, bool encrypts)
    {
        var parts = Math.Min(Cores, source.Length / Share);
        var bytes = (source.Length / SectorBytes + parts - 1) / parts * SectorBytes;
        var others = new Task[parts - 1];
        for (var i = 0; i < others.Length; i++)
        {
            var start = Math.Min((i + 1) * bytes, source.Length);
            others[i] = Task.Run(() => Run(start));
        }

        Run(0);
        await Task.WhenAll(others).ConfigureAwait(false);

        void Run(int start)
        {
            var length = Math.Min(bytes, source.Length - start);
            var (from, to) = (source.Slice(start, length), target.Slice(start, length));
            var first = sector + (ulong)(start / SectorBytes);
            if (encrypts)
                cipher.Encrypt(from.Span, to.Span, first);
            else
                cipher.Decrypt(from.Span, to.Span, first);
        }
    }

    /// <summary>Buffers can begin and end within a sector.</summary>
    private void DecryptParts(IoSlice data, ulong sector)
    {
        if (AreWhole(data))
        {
            foreach (var part in data)
            {
                cipher.Decrypt(part.Span, part.Span, sector);
                sector += (ulong)(part.Length / SectorBytes);
            }

            return;
        }

        var buffer = ArrayPool<byte>.Shared.Rent((int)data.Length);
        var bytes = buffer.AsSpan(0, (int)data.Length);
        data.CopyTo(bytes);
        cipher.Decrypt(bytes, bytes, sector);
        data.CopyFrom(bytes);
        ArrayPool<byte>.Shared.Return(buffer, clearArray: true);
    }

    private static bool AreWhole(IoSlice data)
    {
        foreach (var part in data)
        {
            if (part.Length % SectorBytes != 0)
                return false;
        }

        return true;
    }
}
