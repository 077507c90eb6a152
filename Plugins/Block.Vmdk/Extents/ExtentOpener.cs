// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Block;
using BlockHost.Plugins.Block.Vmdk.Format;

namespace BlockHost.Plugins.Block.Vmdk.Extents;

/// <summary>Opens an extent by what its file begins with.</summary>
internal sealed class ExtentOpener(IBlockNodeContext context)
{
    private const uint CowdMagic = 0x44574f43;
    private const int FooterDistance = 1536;

    public static uint MagicOf(ReadOnlySpan<byte> head) => head.Length < 4 ? 0 : BinaryPrimitives.ReadUInt32LittleEndian(head);

    public static bool IsSparse(uint magic) => magic is CowdMagic or SparseHeader.Magic;

    /// <param name="length">Bytes as the description says, or null: as the header does.</param>
    public async ValueTask<VmdkExtent> OpenSparseAsync(
        IBlockChild file, string type, long? length, CancellationToken cancellationToken)
    {
        var head = await ReadAsync(file, 0, cancellationToken).ConfigureAwait(false);
        return MagicOf(head) switch
        {
            CowdMagic => await OpenAsync(file, type, length, GrainLayout.OfCowd(head), cancellationToken).ConfigureAwait(false),
            SparseHeader.Magic =>
                await OpenHostedAsync(file, type, length, SparseHeader.Read(head), cancellationToken).ConfigureAwait(false),
            _ => throw VmdkFault.Invalid("Image not in VMDK format"),
        };
    }

    public async ValueTask<VmdkExtent> OpenSeSparseAsync(
        IBlockChild file, string type, long length, CancellationToken cancellationToken)
    {
        var head = await ReadAsync(file, 0, cancellationToken).ConfigureAwait(false);
        var layout = SeSparse.Read(head);
        SeSparse.CheckVolatile(await ReadAsync(file, SeSparse.VolatileOffset(head), cancellationToken).ConfigureAwait(false));
        if (!context.ReadOnly)
            context.FallBackToReadOnly("No write support for seSparse images available");
        return await OpenAsync(file, type, length, layout, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask<VmdkExtent> OpenHostedAsync(
        IBlockChild file, string type, long? length, SparseHeader header, CancellationToken cancellationToken)
    {
        if (header.DirectoryOffset == SparseHeader.DirectoryAtEnd)
            header = await ReadFooterAsync(file, cancellationToken).ConfigureAwait(false);
        if (header.Version > 3)
            throw VmdkFault.Unsupported($"Unsupported VMDK version {header.Version}");
        if (header.Version == 3 && !context.ReadOnly && !header.IsCompressed)
            context.FallBackToReadOnly("VMDK version 3 must be read only");
        return await OpenAsync(
            file, type, length, GrainLayout.OfHosted(header, file.Length), cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask<VmdkExtent> OpenAsync(
        IBlockChild file, string type, long? length, GrainLayout layout, CancellationToken cancellationToken)
    {
        var map = await GrainMap.OpenAsync(layout, file, cancellationToken).ConfigureAwait(false);
        var bytes = length is { } said ? Math.Min(said, layout.Capacity) : layout.Capacity;
        return layout.IsCompressed
            ? new CompressedExtent(file, type, bytes, map, context.Host.Buffers)
            : new SparseExtent(file, type, bytes, map, context.Host.Buffers);
    }

    /// <summary>
    /// A streamed image has its true header at its end:
    /// <code>
    ///   marker (0, 0, 3)   header   marker (0, 0, 0)   each a sector
    /// </code>
    /// </summary>
    private static async ValueTask<SparseHeader> ReadFooterAsync(IBlockChild file, CancellationToken cancellationToken)
    {
        var footer = new byte[FooterDistance];
        if (file.Length < FooterDistance)
            throw VmdkFault.Invalid("Invalid footer");
        await file.ReadAsync(file.Length - FooterDistance, footer, ReadFlags.None, cancellationToken).ConfigureAwait(false);
        var header = footer.AsMemory(512, 512);
        var isFooter = BinaryPrimitives.ReadUInt32LittleEndian(footer.AsSpan(8)) == 0
            && BinaryPrimitives.ReadUInt32LittleEndian(footer.AsSpan(12)) == 3
            && MagicOf(header.Span) == SparseHeader.Magic && footer.AsSpan(1024, 16).IndexOfAnyExcept((byte)0) < 0;
        return isFooter ? SparseHeader.Read(header.Span) : throw VmdkFault.Invalid("Invalid footer");
    }

    private static async ValueTask<byte[]> ReadAsync(IBlockChild file, long offset, CancellationToken cancellationToken)
    {
        var bytes = new byte[512];
        await file.ReadAsync(offset, bytes, ReadFlags.None, cancellationToken).ConfigureAwait(false);
        return bytes;
    }
}
