// SPDX-License-Identifier: MIT
using BlockHost.Plugins;
using BlockHost.Plugins.Block.File.Devices;
using BlockHost.Plugins.Block.File.Scsi;
using BlockHost.Posix;

namespace BlockHost.Block.File.Tests;

/// <summary>
/// A machine with one device, which a file stands in for: reads and writes go to the file, everything else that the drivers
/// ask of the kernel is answered here, as Linux answers it.
/// </summary>
internal unsafe class FakeDevices(string path, string file) : IDeviceLayer
{
    private readonly List<WeakReference<FileDescriptor>> _open = [];

    public string Path { get; } = path;

    public Dictionary<string, string> Attributes { get; } = [];

    /// <summary>SCSI commands that have come, and how the device answers.</summary>
    public List<byte[]> Commands { get; } = [];

    public Func<byte[], byte[], FakeAnswer> Answer { get; set; } = (_, _) => new();

    /// <summary>Descriptions of the device that are open now.</summary>
    public int OpenCount => _open.Count(reference => reference.TryGetTarget(out var file) && file.Value >= 0);

    protected string File { get; } = file;

    public FileStatus? TryStatus(string path) =>
        path == Path ? AsDevice(FileDescriptor.TryStatus(File)!.Value) : FileDescriptor.TryStatus(path);

    public FileStatus Status(FileDescriptor file) => IsDevice(file) ? AsDevice(file.Status()) : file.Status();

    public virtual FileDescriptor? TryOpen(IPassedDescriptors? passed, string path, int flags, out int errno) =>
        path == Path
            ? Kept(FileDescriptor.TryOpen(File, flags, 0, out errno))
            : FileDescriptor.TryOpen(path, flags, 0, out errno);

    public virtual FileDescriptor? TryOpenAgain(FileDescriptor file, string path, int flags, out int errno) =>
        Kept(FileDescriptor.TryOpen(File, flags, 0, out errno));

    public virtual long Size(FileDescriptor file) => IsDevice(file) ? new FileInfo(File).Length : new LinuxDevices().Size(file);

    public virtual int Control(FileDescriptor file, nuint request, void* argument) =>
        IsDevice(file) && request == ScsiCall.SgIo ? Scsi((SgIoHeader*)argument) : -LinuxError.ENOTTY;

    public string? Attribute(in FileStatus device, string name) => Attributes.GetValueOrDefault(name);

    protected bool IsDevice(FileDescriptor file) =>
        _open.Any(reference => reference.TryGetTarget(out var known) && ReferenceEquals(known, file));

    private FileDescriptor? Kept(FileDescriptor? file)
    {
        if (file is not null)
            _open.Add(new(file));
        return file;
    }

    private static FileStatus AsDevice(FileStatus status) =>
        status with { Mode = (ushort)(status.Mode & ~FileType.Mask | FileType.BlockDevice) };

    private int Scsi(SgIoHeader* header)
    {
        var command = new Span<byte>(header->Command, header->CommandLength).ToArray();
        var data = new Span<byte>(header->Data, (int)header->DataLength);
        Commands.Add(command);
        var answer = Answer(command, data.ToArray());
        answer.Data.AsSpan().CopyTo(data);
        answer.Sense.AsSpan().CopyTo(new Span<byte>(header->Sense, header->MaxSenseLength));
        header->Status = answer.Status;
        header->SenseLength = (byte)answer.Sense.Length;
        header->HostStatus = answer.HostStatus;
        header->Residue = answer.Residue ?? data.Length - answer.Data.Length;
        return 0;
    }
}

internal sealed record FakeAnswer
{
    public byte Status { get; init; }

    public byte[] Data { get; init; } = [];

    public byte[] Sense { get; init; } = [];

    public ushort HostStatus { get; init; }

    public int? Residue { get; init; }
}
