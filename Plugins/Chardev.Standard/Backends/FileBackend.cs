// SPDX-License-Identifier: MIT
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Chardevs;
using BlockHost.Plugins.Chardev.Standard.Devices;
using BlockHost.Posix;
using BlockHost.Qmp;
using Device = BlockHost.Chardevs.Chardev;

namespace BlockHost.Plugins.Chardev.Standard.Backends;

/// <summary>"file": what is written goes into a file, and what is read, where it is given, comes from another.</summary>
internal sealed class FileBackend : ChardevBackend<FileOptions>
{
    public override string BackendName => "file";

    public override string QomParent => "chardev-fd";

    protected override JsonTypeInfo<FileOptions> TypedOptionsType => StandardJson.Default.FileOptions;

    public override JsonObject FromCommandLine(IReadOnlyDictionary<string, string> options) =>
        options.ContainsKey("path")
            ? CommandLineOptions.Rename(options, ("path", "out"), ("input-path", "in"))
            : throw new QmpException("chardev: file: no filename given");

    protected override ValueTask<Device> OpenAsync(
        IChardevContext context, FileOptions options, CancellationToken cancellationToken)
    {
        var passed = context.Host.Descriptors;
        var output = OpenFile(passed, options.Out, options.Append is true ? FileMode.Append : FileMode.Create, FileAccess.Write);
        try
        {
            var input = options.In is { } path ? OpenFile(passed, path, FileMode.Open, FileAccess.Read) : null;
            return new(new StreamDevice(context.Id, "file", "file", () => Join(input, output)));
        }
        catch
        {
            output.Dispose();
            throw;
        }
    }

    /// <exception cref="QmpException">With QEMU's text.</exception>
    private static FileStream OpenFile(IPassedDescriptors passed, string path, FileMode mode, FileAccess access)
    {
        if (DescriptorSetName.IsNamed(path))
            return PassedFile.TryOpen(passed, path, mode, access, out var errno)
                ?? throw new QmpException($"Could not open '{path}': {ErrnoText.Of(errno)}");
        try
        {
            return new FileStream(path, mode, access, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new QmpException(QmpErrorClass.GenericError, $"Could not open '{path}': {Reason(e)}", e);
        }
    }

    private static string Reason(Exception error) => error switch
    {
        FileNotFoundException or DirectoryNotFoundException => "No such file or directory",
        UnauthorizedAccessException => "Permission denied",
        _ => error.Message,
    };

    private static Stream Join(FileStream? input, FileStream output) =>
        input is null ? new SinkStream(bytes => output.Write(bytes), output) : new TwoFiles(input, output);

    /// <summary>Reads the one and writes the other.</summary>
    private sealed class TwoFiles(FileStream input, FileStream output) : SequentialStream
    {
        public override int Read(byte[] buffer, int offset, int count) => input.Read(buffer, offset, count);

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            input.ReadAsync(buffer, cancellationToken);

        public override void Write(byte[] buffer, int offset, int count) => output.Write(buffer, offset, count);

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            output.WriteAsync(buffer, cancellationToken);

        public override void Flush() => output.Flush();

        public override Task FlushAsync(CancellationToken cancellationToken) => output.FlushAsync(cancellationToken);

        protected override void Dispose(bool disposing)
        {
            input.Dispose();
            output.Dispose();
            base.Dispose(disposing);
        }
    }
}
