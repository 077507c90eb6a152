// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.File.Devices;
using BlockHost.Posix;

namespace BlockHost.Plugins.Block.File.Scsi;

/// <summary>
/// One command on its way through SG_IO. The system ends it when its time is over, so that a device cannot hold it for ever.
/// </summary>
internal sealed unsafe class ScsiCall(IDeviceLayer devices, FileDescriptor file, ScsiRequest request, TimeSpan timeout)
{
    internal const nuint SgIo = 0x2285;

    private const int MaxSense = 252;

    private readonly byte[] _command = Pinned(request.Command.Span);
    private readonly byte[] _sense = GC.AllocateArray<byte>(MaxSense, pinned: true);
    private readonly byte[] _data = request.DataOut.IsEmpty
        ? GC.AllocateArray<byte>(request.DataInLength, pinned: true)
        : Pinned(request.DataOut.Span);

    private SgIoHeader _header;

    /// <summary>Blocks. Returns an errno, 0 when the device has answered.</summary>
    internal int Run()
    {
        fixed (byte* command = _command, sense = _sense, data = _data)
        {
            var header = new SgIoHeader
            {
                Interface = SgIoHeader.Version3,
                Direction = Direction(),
                CommandLength = (byte)_command.Length,
                MaxSenseLength = MaxSense,
                DataLength = (uint)_data.Length,
                Data = data,
                Command = command,
                Sense = sense,
                TimeoutMilliseconds = (uint)Math.Max(1, timeout.TotalMilliseconds),
            };
            var result = devices.Control(file, SgIo, &header);
            _header = header;
            return -Math.Min(0, result);
        }
    }

    /// <exception cref="BlockException">The command did not reach the device, or its answer did not come back.</exception>
    internal ScsiReply Reply()
    {
        if (_header.HostStatus == SgIoHeader.HostTimedOut)
            throw new BlockException(BlockErrorKind.Io, "The SCSI command timed out", Errno.ETIMEDOUT);
        if (_header.HostStatus != 0)
            throw new BlockException(BlockErrorKind.Io, $"The SCSI command failed on its way (host status {_header.HostStatus})");
        var moved = Math.Clamp(_data.Length - _header.Residue, 0, _data.Length);
        var data = request.DataOut.IsEmpty ? _data.AsMemory(0, moved) : default;
        return new ScsiReply(_header.Status, data, _sense.AsMemory(0, Math.Min(_header.SenseLength, (byte)MaxSense)));
    }

    private int Direction() => _data.Length == 0 ? SgIoHeader.NoData
        : request.DataOut.IsEmpty ? SgIoHeader.FromDevice
        : SgIoHeader.ToDevice;

    private static byte[] Pinned(ReadOnlySpan<byte> bytes)
    {
        var copy = GC.AllocateUninitializedArray<byte>(bytes.Length, pinned: true);
        bytes.CopyTo(copy);
        return copy;
    }
}
