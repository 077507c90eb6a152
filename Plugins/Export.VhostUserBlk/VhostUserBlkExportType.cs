// SPDX-License-Identifier: MIT
using System.Net.Sockets;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Exports;
using BlockHost.Net;
using BlockHost.Plugins.Export.VhostUserBlk.Device;
using BlockHost.Qmp;
using SocketAddress = BlockHost.Net.SocketAddress;

namespace BlockHost.Plugins.Export.VhostUserBlk;

internal sealed class VhostUserBlkExportType(RingLoops loops) : ExportType<VhostUserBlkOptions>
{
    private const ulong SmallestBlock = 512;
    private const ulong LargestBlock = 2 << 20;

    public override string Name => "vhost-user-blk";

    protected override JsonTypeInfo<VhostUserBlkOptions> TypedOptionsType => VhostUserBlkJson.Default.VhostUserBlkOptions;

    protected override async ValueTask<BlockExport> CreateAsync(
        IExportContext context, VhostUserBlkOptions options, CancellationToken cancellationToken)
    {
        var blockSize = CheckBlockSize(context.Id, options.LogicalBlockSize ?? 0);
        var queues = options.NumQueues ?? 1;
        if (queues == 0)
            throw new QmpException("num-queues must be greater than 0");
        if (options.Address is not (UnixSocketAddress or FdSocketAddress))
            throw new QmpException("Only socket address types 'unix' and 'fd' are supported");
        await AllowResizeAsync(context, cancellationToken).ConfigureAwait(false);
        var listener = Listen(context.Host.Descriptors.Resolve(options.Address));
        try
        {
            var device = new BlkDevice(context.Backend, context.Writable, blockSize, queues);
            return new VhostUserBlkExport(context, device, listener, PathOf(options.Address), loops);
        }
        catch
        {
            listener.Dispose();
            throw;
        }
    }

    /// <summary>A guest is told of its disk's new size.</summary>
    private static ValueTask AllowResizeAsync(IExportContext context, CancellationToken cancellationToken)
    {
        var needed = BlockPermissions.ConsistentRead | (context.Writable ? BlockPermissions.Write : BlockPermissions.None);
        return context.Backend.ChangePermissionsAsync(new(needed, BlockPermissions.All), cancellationToken);
    }

    /// <returns>The size to use.</returns>
    private static int CheckBlockSize(string id, ulong size)
    {
        if (size == 0)
            return (int)SmallestBlock;
        if (size is < SmallestBlock or > LargestBlock)
            throw new QmpException(
                $"Property {id}.logical-block-size doesn't take value {(long)size} "
                + $"(minimum: {SmallestBlock}, maximum: {LargestBlock})");
        if ((size & (size - 1)) != 0)
            throw new QmpException(
                $"Property {id}.logical-block-size doesn't take value '{size}', it's not a power of 2");
        return (int)size;
    }

    /// <summary>The file that goes with the export.</summary>
    private static string? PathOf(SocketAddress address) =>
        address is UnixSocketAddress { Abstract: not true } unix ? unix.Path : null;

    private static Socket Listen(SocketAddress address)
    {
        if (address is FdSocketAddress named && !named.Str.All(char.IsAsciiDigit))
            throw new QmpException("only QEMU supports file descriptor passing");
        try
        {
            return SocketFactory.ListenAll(address)[0];
        }
        catch (SocketException e) when (address is FdSocketAddress fd)
        {
            throw new QmpException(QmpErrorClass.GenericError, $"File descriptor '{fd.Str}' is not a socket", e);
        }
    }
}
