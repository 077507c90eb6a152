// SPDX-License-Identifier: MIT
using System.Buffers.Binary;

namespace BlockHost.Block.Qcow2.Tests.Malformed;

/// <summary>Damages metadata in ways that mean something to its reader. The same seed damages the same.</summary>
internal sealed class Mutator(int seed)
{
    private readonly Random _random = new(seed);

    /// <summary>Changes one to three places; returns the damaged copy and what was done.</summary>
    public (byte[] Image, string What) Mutate(byte[] image, ImageMap map, IReadOnlyList<Place> places)
    {
        var copy = image.ToArray();
        var done = new List<string>();
        for (var count = _random.Next(4) == 0 ? 1 + _random.Next(3) : 1; count > 0; count--)
        {
            // Each kind is as likely as any other, however many places it has.
            var kinds = places.Select(p => p.Field).Distinct().ToList();
            var ofKind = places.Where(p => p.Field == kinds[_random.Next(kinds.Count)]).ToList();
            if (ofKind.Count == 0) continue;
            var place = ofKind[_random.Next(ofKind.Count)];
            var old = Read(copy, place);
            var value = Change(old, place, copy, map, ofKind);
            Write(copy, place, value);
            done.Add($"{place.Field} at {place.Offset:x}: {old:x} to {value:x}");
        }
        return (copy, $"seed {seed}: {string.Join(", ", done)}");
    }

    private ulong Change(ulong old, Place place, byte[] image, ImageMap map, List<Place> peers)
    {
        var cluster = map.Geometry.ClusterSize;
        return _random.Next(9) switch
        {
            0 => 0,
            1 => ulong.MaxValue,
            2 => old ^ (1UL << _random.Next(place.Size * 8)),
            3 => old + 1,
            4 => old ^ (1UL << (9 + _random.Next(8))),
            5 => Read(image, peers[_random.Next(peers.Count)]),
            6 => (old & 0xff00_0000_0000_0000) | ((ulong)_random.NextInt64(image.Length / cluster) * (ulong)cluster),
            7 => (old & 0xff00_0000_0000_0000) | ((ulong)(image.Length / cluster) + (ulong)_random.Next(3)) * (ulong)cluster,
            _ => (ulong)_random.NextInt64() >> _random.Next(64),
        };
    }

    private static ulong Read(byte[] image, Place place) => place.Size switch
    {
        1 => image[place.Offset],
        2 => BinaryPrimitives.ReadUInt16BigEndian(image.AsSpan(place.Offset)),
        4 => BinaryPrimitives.ReadUInt32BigEndian(image.AsSpan(place.Offset)),
        _ => BinaryPrimitives.ReadUInt64BigEndian(image.AsSpan(place.Offset)),
    };

    private static void Write(byte[] image, Place place, ulong value)
    {
        switch (place.Size)
        {
            case 1: image[place.Offset] = (byte)value; break;
            case 2: BinaryPrimitives.WriteUInt16BigEndian(image.AsSpan(place.Offset), (ushort)value); break;
            case 4: BinaryPrimitives.WriteUInt32BigEndian(image.AsSpan(place.Offset), (uint)value); break;
            default: BinaryPrimitives.WriteUInt64BigEndian(image.AsSpan(place.Offset), value); break;
        }
    }
}
