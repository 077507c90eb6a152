// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Crypto.Digests;

/// <summary>How often PBKDF2 goes round so that a password takes a given time to try, on this machine.</summary>
internal static class IterationCount
{
    private const uint Least = 1000;

    /// <summary>Where a clock stands still.</summary>
    private const int MostMeasured = 1 << 24;

    private static readonly TimeSpan LongEnough = TimeSpan.FromMilliseconds(50);

    /// <param name="keyBytes">Of the key that is derived.</param>
    /// <param name="milliseconds">What it is to take; as unsigned as QEMU reads it.</param>
    /// <param name="divisor">Of the result.</param>
    /// <param name="most">What is more is refused.</param>
    public static uint For(
        DigestAlgorithm digest, int keyBytes, ulong milliseconds, TimeProvider clock, uint divisor, long most)
    {
        var second = PerSecond(digest, keyBytes, clock) / divisor;
        if (milliseconds != 0 && second > ulong.MaxValue / milliseconds)
            throw TooMany($"PBKDF iterations {second} too large to scale");
        var count = second * milliseconds / 1000;
        if (count > uint.MaxValue)
            throw TooMany($"PBKDF iterations {count} larger than {uint.MaxValue}");
        if (count > (ulong)most)
            throw TooMany($"PBKDF iterations {count} larger than {most}, which no open would try");
        return Math.Max(Least, (uint)count);
    }

    private static ulong PerSecond(DigestAlgorithm digest, int keyBytes, TimeProvider clock)
    {
        Span<byte> key = stackalloc byte[keyBytes];
        ReadOnlySpan<byte> salt = stackalloc byte[Luks.LuksSlot.SaltBytes];
        // The first call of all loads the library.
        Digest.DeriveKey(digest, "password"u8, salt, 1, key);
        var best = 0ul;
        for (var iterations = 1 << 12; iterations <= MostMeasured; iterations *= 2)
        {
            var start = clock.GetTimestamp();
            Digest.DeriveKey(digest, "password"u8, salt, iterations, key);
            var took = clock.GetElapsedTime(start);
            // Whatever else the machine does only makes it look slower.
            best = Math.Max(best, (ulong)(iterations / Math.Max(took.TotalSeconds, 1e-9)));
            if (took >= LongEnough)
                break;
        }

        return best;
    }

    private static BlockException TooMany(string message) =>
        new(BlockErrorKind.InvalidArgument, $"{message}: {ErrnoText.Of(Errno.ERANGE)}", Errno.ERANGE);
}
