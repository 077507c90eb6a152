// SPDX-License-Identifier: MIT
using System.Buffers;
using System.Collections;
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Quorum;

/// <summary>One buffer a child: the request's own for the first, rented ones for the others.</summary>
internal sealed class Copies : IReadOnlyList<IoSlice>, IDisposable
{
    public const int SectorSize = 512;

    private readonly IMemoryOwner<byte>[] _rented;
    private readonly IoSlice[] _slices;

    public Copies(IIoBufferPool buffers, IoSlice target, int children)
    {
        _slices = new IoSlice[children];
        _slices[0] = target;
        _rented = new IMemoryOwner<byte>[children - 1];
        for (var i = 1; i < children; i++)
        {
            _rented[i - 1] = buffers.Rent((int)target.Length);
            _slices[i] = _rented[i - 1].Memory;
        }
    }

    public IoSlice Target => _slices[0];

    public int Count => _slices.Length;

    public IoSlice this[int index] => _slices[index];

    public bool Agree(int one, int other) => QuorumVote.Equal(_slices[one], _slices[other]);

    /// <summary>About one sector.</summary>
    public bool Agree(int one, int other, long at) => QuorumVote.Equal(Sector(one, at), Sector(other, at));

    public bool Agree(IReadOnlyList<int> voters) => voters.Skip(1).All(voter => Agree(voters[0], voter));

    /// <summary>A child's copy is what the request gets.</summary>
    public void Take(int child)
    {
        if (child != 0)
            Target.CopyFrom(_rented[child - 1].Memory.Span);
    }

    /// <summary>As <see cref="Take(int)"/>, of one sector.</summary>
    public void Take(int child, long at)
    {
        if (child != 0)
            Sector(0, at).CopyFrom(_rented[child - 1].Memory.Span.Slice((int)at, (int)Sector(child, at).Length));
    }

    private IoSlice Sector(int child, long at) => _slices[child].Slice(at, Math.Min(SectorSize, Target.Length - at));

    public IEnumerator<IoSlice> GetEnumerator() => ((IEnumerable<IoSlice>)_slices).GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    public void Dispose()
    {
        foreach (var buffer in _rented)
            buffer.Dispose();
    }
}
