// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;

namespace BlockHost.Conformance.Model;

/// <summary>Random sequences within what a node can do, with a liking for borders: of segments, clusters and the image.</summary>
internal sealed class ScriptGenerator
{
    /// <summary>Hosts ask for lengths in sectors only.</summary>
    private const int Sector = 512;

    private readonly Random _random;
    private readonly long _alignment;
    private readonly (ScriptKind Kind, int Weight)[] _kinds;
    private long _length;
    private int _seed;

    public ScriptGenerator(int seed, BlockNode node, bool resize = true, bool reopen = true)
    {
        var profile = node.Profile;
        _random = new Random(seed);
        _alignment = Math.Max(1, profile.Limits.RequestAlignment);
        _length = profile.Length;
        _kinds = [.. Kinds(profile, resize && profile.Writable && node.TryGetFacet<IResizable>(out _), reopen)];
    }

    public IReadOnlyList<ScriptOperation> Make(int count) => [.. Enumerable.Range(0, count).Select(_ => Next())];

    private static IEnumerable<(ScriptKind, int)> Kinds(BlockProfile profile, bool resize, bool reopen)
    {
        yield return (ScriptKind.Read, 25);
        if (profile.Writable)
        {
            yield return (ScriptKind.Write, 35);
            yield return (ScriptKind.WriteZeroes, 10);
        }

        if (profile.Writable && profile.Discard == Support.Native)
            yield return (ScriptKind.Discard, 8);
        if (profile.Flush == Support.Native)
            yield return (ScriptKind.Flush, 6);
        if (profile.Status == Support.Native)
            yield return (ScriptKind.Status, 8);
        if (resize)
            yield return (ScriptKind.Resize, 3);
        if (reopen)
            yield return (ScriptKind.Reopen, 3);
    }

    private ScriptOperation Next()
    {
        var kind = PickKind();
        switch (kind)
        {
            case ScriptKind.Flush or ScriptKind.Reopen:
                return new(kind);
            case ScriptKind.Resize:
                _length = Align((long)(_length * (0.6 + 0.8 * _random.NextDouble())), Math.Max(Sector, _alignment));
                return new(kind, Bytes: _length, Flag: _random.Next(2) == 0);
            default:
                var (offset, bytes) = PickRange();
                return new(kind, offset, bytes, ++_seed, _random.Next(3) == 0 ? _random.Next(2, 6) : 1, _random.Next(4) == 0);
        }
    }

    private ScriptKind PickKind()
    {
        var pick = _random.Next(_kinds.Sum(k => k.Weight));
        foreach (var (kind, weight) in _kinds)
        {
            if ((pick -= weight) < 0)
                return kind;
        }

        return ScriptKind.Read;
    }

    private (long Offset, long Bytes) PickRange()
    {
        var bytes = _random.Next(6) switch
        {
            0 => _random.Next(1, 16),
            1 or 2 => 512L << _random.Next(8),
            3 => _random.Next(1, 128 * 1024),
            4 => 64 * 1024,
            _ => _random.Next(1, 8192),
        };
        bytes = Math.Clamp(Align(bytes, _alignment), Math.Min(_alignment, _length), _length);
        var offset = _random.Next(5) switch
        {
            0 => _length - bytes,
            1 => _random.NextInt64(_length) & ~0xffffL,
            2 => (_random.NextInt64(_length) & ~0xffffL) - bytes / 2,
            _ => _random.NextInt64(_length),
        };
        return (Math.Clamp(offset / _alignment * _alignment, 0, _length - bytes), bytes);
    }

    private static long Align(long value, long unit) => Math.Max(1, (value + unit - 1) / unit) * unit;
}
