// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.File.Engines;

/// <summary>
/// Gives requests in flight in the kernel a small number, which comes back with their completion: the kernel holds
/// no reference into managed memory, and an unknown number cannot do harm. Guarded by its engine's lock.
/// </summary>
internal sealed class SlotTable
{
    private readonly FileRequest?[] _requests;
    private readonly int[] _free;
    private int _freeCount;

    internal SlotTable(int capacity)
    {
        _requests = new FileRequest?[capacity];
        _free = new int[capacity];
        for (var i = capacity - 1; i >= 0; i--)
            _free[_freeCount++] = i;
    }

    internal bool TryAdd(FileRequest request, out int slot)
    {
        if (_freeCount == 0)
        {
            slot = -1;
            return false;
        }

        slot = _free[--_freeCount];
        _requests[slot] = request;
        return true;
    }

    internal FileRequest? Remove(ulong slot)
    {
        if (slot >= (ulong)_requests.Length || _requests[slot] is not { } request)
            return null;
        _requests[slot] = null;
        _free[_freeCount++] = (int)slot;
        return request;
    }
}
