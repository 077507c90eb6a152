// SPDX-License-Identifier: MIT
namespace BlockHost.Formats.Packing;

/// <summary>Compresses one cluster after the other; not from two threads at once.</summary>
public abstract class ClusterPacker : IDisposable
{
    /// <returns>Bytes of <paramref name="packed"/>; 0 when the content does not fit into it.</returns>
    public abstract int TryPack(ReadOnlySpan<byte> content, Span<byte> packed);

    public virtual void Dispose()
    {
    }
}

public sealed class DeflatePacker : ClusterPacker
{
    public override int TryPack(ReadOnlySpan<byte> content, Span<byte> packed) => Zlib.TryDeflate(content, packed);
}
