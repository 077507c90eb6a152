// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Text;
using BlockHost.Plugins.Block.Archipelago.Segments;

namespace BlockHost.Block.Archipelago.Peer;

/// <summary>
/// Makes a segment as "xseg create" does: a page for the head, one for the heap's description, and the heap.
/// </summary>
internal static class NewSegment
{
    private const int PageSize = 4096;
    private const int PageShift = 12;
    private const long HeapSize = 32 << 20;
    private const int PortCount = 1200;
    private const int FirstDynamicPort = 1100;
    private const int MaxPeerTypes = 100;

    internal static SharedSegment Create(string path)
    {
        using (var file = File.Create(path))
        {
            file.SetLength((2 * PageSize) + HeapSize);
            file.Write(Head());
        }

        var segment = SharedSegment.Open(path);
        MakeHeap(segment);
        var heap = new SegmentHeap(segment, TimeProvider.System);
        segment.Set(HeadLayout.Ports, (ulong)Table(segment, heap, PortCount * sizeof(ulong), 0));
        segment.Set(HeadLayout.PathNext, (ulong)Table(segment, heap, PortCount * sizeof(uint), 0xFF));
        var shared = Table(segment, heap, SharedSize, 0);
        segment.Set(shared + SharedLayout.PeerTypes, (ulong)Table(segment, heap, MaxPeerTypes * SharedLayout.NameSize, 0));
        segment.Set(HeadLayout.Shared, (ulong)shared);

        // A type before the one that counts, so that its number is not 0.
        var names = segment.Place(shared + SharedLayout.PeerTypes);
        Encoding.ASCII.GetBytes("posix").CopyTo(segment.Bytes(names, SharedLayout.NameSize));
        Encoding.ASCII.GetBytes(SignalLayout.PeerType)
            .CopyTo(segment.Bytes(names + SharedLayout.NameSize, SharedLayout.NameSize));
        return segment;
    }

    private static int SharedSize => 48;

    private static byte[] Head()
    {
        var head = new byte[PageSize];
        BinaryPrimitives.WriteUInt64LittleEndian(head.AsSpan((int)HeadLayout.Version), HeadLayout.KnownVersion);
        BinaryPrimitives.WriteUInt64LittleEndian(head.AsSpan((int)HeadLayout.Size), (2 * PageSize) + HeapSize);
        BinaryPrimitives.WriteUInt64LittleEndian(head.AsSpan((int)HeadLayout.Heap), PageSize);
        BinaryPrimitives.WriteUInt32LittleEndian(head.AsSpan((int)HeadLayout.MaxPeerTypes), MaxPeerTypes);
        BinaryPrimitives.WriteUInt32LittleEndian(head.AsSpan((int)HeadLayout.PortCount), PortCount);
        BinaryPrimitives.WriteUInt32LittleEndian(head.AsSpan((int)HeadLayout.FirstDynamicPort), FirstDynamicPort);
        return head;
    }

    private static void MakeHeap(SharedSegment segment)
    {
        const int Lists = 2048;
        const long First = (Lists * sizeof(ulong)) + PageSize - HeapLayout.HeaderSize;
        segment.Set32(PageSize + HeapLayout.AlignmentUnit, PageShift);
        segment.Set(PageSize + HeapLayout.Size, (ulong)HeapSize);
        segment.Set(PageSize + HeapLayout.Used, First);
        segment.Set(PageSize + HeapLayout.Memory, (ulong)(PageSize - HeapLayout.Memory));
    }

    private static long Table(SharedSegment segment, SegmentHeap heap, int bytes, byte value)
    {
        var (place, _) = heap.Allocate(bytes, CancellationToken.None);
        segment.Bytes(place, bytes).Fill(value);
        return place;
    }
}
