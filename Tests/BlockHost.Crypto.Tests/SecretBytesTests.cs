// SPDX-License-Identifier: MIT
using BlockHost.Crypto.Keys;

namespace BlockHost.Crypto.Tests;

public sealed class SecretBytesTests
{
    [Fact]
    public void Bytes_are_zero_at_first_and_gone_at_last()
    {
        var bytes = new SecretBytes(5000);
        Assert.Equal(5000, bytes.Span.Length);
        Assert.False(bytes.Span.ContainsAnyExcept((byte)0));
        bytes.Dispose();
        bytes.Dispose();
        Assert.Throws<ObjectDisposedException>(() => bytes.Span.Length);
    }

    [SkippableFact]
    public void They_lie_in_pages_that_are_not_swapped()
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "needs /proc");
        var before = LockedKilobytes();
        using var bytes = SecretBytes.Random(64);
        Skip.If(LockedKilobytes() == 0, "this process may lock nothing");
        Assert.True(LockedKilobytes() > before);
    }

    private static long LockedKilobytes() => long.Parse(
        File.ReadLines("/proc/self/status").Single(line => line.StartsWith("VmLck:", StringComparison.Ordinal))
            .Split(' ', StringSplitOptions.RemoveEmptyEntries)[^2].Replace("VmLck:\t", "", StringComparison.Ordinal).Trim(),
        System.Globalization.CultureInfo.InvariantCulture);
}
