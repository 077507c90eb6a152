// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Posix;

namespace BlockHost.Plugins.Block.File.Locking;

/// <summary>
/// The locks of one node, changed in two steps: <see cref="Prepare"/> takes what is new beside what is held and may
/// fail; then <see cref="Commit"/> lets go of what is no longer wanted, or <see cref="Abort"/> of what was new.
/// </summary>
internal sealed class ImageLock(LockDescriptor descriptor, string path) : IDisposable
{
    private BlockPermissionSet _held = BlockPermissionSet.None;
    private BlockPermissionSet _wanted = BlockPermissionSet.None;

    /// <exception cref="BlockException">Busy: another user's permissions forbid it; the message names the first
    /// conflict.</exception>
    internal void Prepare(BlockPermissionSet wanted)
    {
        _wanted = wanted;
        try
        {
            Take(wanted);
            Check(wanted);
        }
        catch
        {
            Abort();
            throw;
        }
    }

    internal void Commit()
    {
        Release(_held, except: _wanted);
        _held = _wanted;
    }

    internal void Abort()
    {
        Release(_wanted, except: _held);
        _wanted = _held;
    }

    /// <summary>
    /// Closing alone would not do: a child process that was just forked holds the description until it runs its own program.
    /// </summary>
    public void Dispose()
    {
        Abort();
        Release(_held, except: BlockPermissionSet.None);
        descriptor.Dispose();
    }

    /// <summary>Locks first and asks then: of two users that come at once at least one sees the other.</summary>
    private void Take(BlockPermissionSet wanted)
    {
        for (var bit = 0; bit < LockLayout.BitCount; bit++)
        {
            if (wanted.Needed.Has(bit))
                TakeByte(LockLayout.NeededBase + bit);
            if (!wanted.Shared.Has(bit))
                TakeByte(LockLayout.UnsharedBase + bit);
        }
    }

    private void TakeByte(int position)
    {
        var errno = descriptor.Take(position);
        if (errno != 0)
            throw SystemError.Exception($"Failed to lock byte {position}", errno);
    }

    private void Check(BlockPermissionSet wanted)
    {
        for (var bit = 0; bit < LockLayout.BitCount; bit++)
        {
            if (wanted.Needed.Has(bit))
                CheckByte(LockLayout.UnsharedBase + bit, $"Failed to get \"{LockLayout.Name(bit)}\" lock");
        }

        for (var bit = 0; bit < LockLayout.BitCount; bit++)
        {
            if (!wanted.Shared.Has(bit))
                CheckByte(LockLayout.NeededBase + bit, $"Failed to get shared \"{LockLayout.Name(bit)}\" lock");
        }
    }

    private void CheckByte(int position, string refusal)
    {
        var errno = descriptor.IsHeldElsewhere(position, out var held);
        if (errno != 0)
            throw SystemError.Exception(refusal, errno);
        if (!held)
            return;
        var holders = LockHolders.Describe(descriptor.File.Status(), position, descriptor.File.Value);
        throw new BlockException(BlockErrorKind.Busy, holders is null ? refusal : $"{refusal}: held by {holders}", Errno.EAGAIN)
        {
            Hint = $"Is another process using the image [{path}]?",
        };
    }

    private void Release(BlockPermissionSet from, BlockPermissionSet except)
    {
        for (var bit = 0; bit < LockLayout.BitCount; bit++)
        {
            if (from.Needed.Has(bit) && !except.Needed.Has(bit))
                descriptor.Release(LockLayout.NeededBase + bit);
            if (!from.Shared.Has(bit) && except.Shared.Has(bit))
                descriptor.Release(LockLayout.UnsharedBase + bit);
        }
    }
}
