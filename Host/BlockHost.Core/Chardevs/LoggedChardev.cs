// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Chardevs;
using BlockHost.Plugins;
using BlockHost.Posix;
using BlockHost.Qmp;

namespace BlockHost.Core.Chardevs;

/// <summary>A device: what is written to also goes into a file ("logfile").</summary>
internal sealed class LoggedChardev(Chardev device, string path, bool append, IPassedDescriptors passed) : Chardev(device.Id)
{
    private readonly FileStream _log = OpenLog(path, append ? FileMode.Append : FileMode.Create, passed);

    public Chardev Device => device;

    public override string FileName => device.FileName;

    public override string QomType => device.QomType;

    public override int MaxConnections => device.MaxConnections;

    public override string? Pty => device.Pty;

    public override async ValueTask<Stream?> AcceptAsync(CancellationToken cancellationToken) =>
        await device.AcceptAsync(cancellationToken).ConfigureAwait(false) is { } stream
            ? new DuplexStream(stream, new LoggedOutput(stream, _log))
            : null;

    public override void SendBreak() => device.SendBreak();

    public override async ValueTask DisposeAsync()
    {
        await device.DisposeAsync().ConfigureAwait(false);
        await _log.DisposeAsync().ConfigureAwait(false);
    }

    private static FileStream OpenLog(string path, FileMode mode, IPassedDescriptors passed)
    {
        if (!DescriptorSetName.IsNamed(path))
            return new FileStream(path, mode, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        const int WriteCreate = 0x41;
        var flags = WriteCreate | (mode == FileMode.Append ? 0x400 : 0x200);
        return PassedFile.TryOpen(passed, path, mode, FileAccess.Write, out var errno)
            ?? throw new QmpException($"Could not dup FD for {path} flags {flags:x}: {ErrnoText.Of(errno)}");
    }

    /// <summary>Writes to the device, and then to the log: several streams may do so at once.</summary>
    private sealed class LoggedOutput(Stream stream, FileStream log) : SequentialStream
    {
        public override bool CanRead => false;

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count)
        {
            stream.Write(buffer, offset, count);
            Note(buffer.AsSpan(offset, count));
        }

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await stream.WriteAsync(buffer, cancellationToken).ConfigureAwait(false);
            Note(buffer.Span);
        }

        public override void Flush() => stream.Flush();

        public override Task FlushAsync(CancellationToken cancellationToken) => stream.FlushAsync(cancellationToken);

        /// <summary>A full disk is no reason to cut the client off.</summary>
        private void Note(ReadOnlySpan<byte> written)
        {
            try
            {
                lock (log)
                    log.Write(written);
            }
            catch (IOException)
            {
                // It is missing in the log.
            }
        }
    }
}
