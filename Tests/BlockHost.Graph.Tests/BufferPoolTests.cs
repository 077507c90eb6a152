// SPDX-License-Identifier: MIT
using System.Buffers;
using System.Runtime.CompilerServices;
using BlockHost.Block;
using BlockHost.Core.Block;
using BlockHost.Core.Block.Checked;
using BlockHost.Plugins;

namespace BlockHost.Graph.Tests;

public sealed class BufferPoolTests : IDisposable
{
    private const int Page = 4096;

    private readonly List<string> _misuses = [];
    private readonly CheckedBufferPool _checked;
    private readonly FileStream _zeroes = File.OpenRead("/dev/zero");

    public BufferPoolTests() => _checked = new CheckedBufferPool(_misuses.Add);

    public void Dispose()
    {
        _checked.Dispose();
        _zeroes.Dispose();
    }

    [Fact]
    public void A_pinned_buffer_stays_though_nobody_else_holds_it()
    {
        using var pool = new IoBufferPool(TimeProvider.System, new MemoryBudget());
        var (pin, buffer) = PinAndForget(pool);

        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();

        Assert.True(buffer.IsAlive);
        pin.Dispose();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(Page)]
    [InlineData(Page + 1)]
    [InlineData(3 << 20)]
    public unsafe void A_checked_buffer_is_aligned_as_long_as_asked_for_and_full_of_rubbish(int length)
    {
        using var buffer = _checked.Rent(length);
        using var pin = buffer.Memory.Pin();

        Assert.Equal(length, buffer.Memory.Length);
        Assert.Equal(0u, (nuint)pin.Pointer % Page);
        Assert.False(buffer.Memory.Span.Contains((byte)0));
        Assert.Equal(1, _checked.Outstanding);
    }

    [Fact]
    public void A_returned_buffer_cannot_be_written_by_the_kernel()
    {
        var buffer = _checked.Rent(Page);
        var stale = buffer.Memory.Span;
        Assert.True(CanWrite(stale));

        buffer.Dispose();

        Assert.False(CanWrite(stale));
        Assert.Equal(0, _checked.Outstanding);
    }

    [Fact]
    public unsafe void Nothing_can_be_written_just_before_or_behind_a_buffer()
    {
        using var buffer = _checked.Rent(2 * Page);
        using var pin = buffer.Memory.Pin();
        var first = (byte*)pin.Pointer;

        Assert.True(CanWrite(new Span<byte>(first + (2 * Page) - 1, 1)));
        Assert.False(CanWrite(new Span<byte>(first - 1, 1)));
        Assert.False(CanWrite(new Span<byte>(first + (2 * Page), 1)));
    }

    [Fact]
    public unsafe void What_is_written_beyond_the_end_within_the_last_page_is_found_at_the_return()
    {
        var buffer = _checked.Rent(100);
        using (var pin = buffer.Memory.Pin())
            ((byte*)pin.Pointer)[100] = 1;

        buffer.Dispose();

        Assert.Equal(["A buffer of 100 bytes was written beyond its end"], _misuses);
    }

    [Fact]
    public void A_buffer_returned_twice_counts_once()
    {
        var buffer = _checked.Rent(Page);
        using var other = _checked.Rent(Page);

        buffer.Dispose();
        buffer.Dispose();

        Assert.Equal(1, _checked.Outstanding);
    }

    [Fact]
    public void Memory_that_many_returns_ago_was_given_back_is_free_again()
    {
        for (var round = 0; round < 1000; round++)
            _checked.Rent(1 << 20).Dispose();

        Assert.Empty(_misuses);
    }

    /// <summary>The kernel refuses to write where this process must not: EFAULT.</summary>
    private bool CanWrite(Span<byte> target)
    {
        try
        {
            return RandomAccess.Read(_zeroes.SafeFileHandle, target, 0) == target.Length;
        }
        catch (IOException)
        {
            return false;
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static (MemoryHandle Pin, WeakReference Buffer) PinAndForget(IIoBufferPool pool)
    {
        // Larger than what the pool keeps.
        var buffer = pool.Rent(8 << 20);
        return (buffer.Memory.Pin(), new WeakReference(buffer));
    }
}
