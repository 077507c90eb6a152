// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Plugins.Block.Vvfat.Folder;
using BlockHost.Plugins.Block.Vvfat.Layout;
using BlockHost.Plugins.Block.Vvfat.Writing;
using BlockHost.Posix;
using Microsoft.Extensions.Logging;

namespace BlockHost.Plugins.Block.Vvfat;

/// <summary>The driver "vvfat": a folder of the host as a FAT disk.</summary>
internal sealed class VvfatDriver : BlockDriver<VvfatOptions>
{
    private const int LabelLength = 11;

    public override string FormatName => "vvfat";

    public override BlockDriverKind Kind => BlockDriverKind.Protocol;

    /// <summary>The folder is looked at anew.</summary>
    public override bool ClosesWhenInactive => true;

    public override IReadOnlyList<string> FileNamePrefixes => ["fat"];

    public override IReadOnlyList<string> StrongOptions => ["dir", "fat-type", "floppy", "label", "rw"];

    protected override JsonTypeInfo<VvfatOptions> TypedOptionsType => VvfatJson.Default.VvfatOptions;

    public override bool TryParseFileName(string fileName, [NotNullWhen(true)] out JsonElement? options)
    {
        options = JsonSerializer.SerializeToElement(FolderName.Parse(fileName), VvfatJson.Default.VvfatOptions);
        return true;
    }

    protected override async ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, VvfatOptions options, CancellationToken cancellationToken)
    {
        var label = LabelOf(options);
        if (options.FatType is not (null or 0 or 12 or 16 or 32))
            throw Invalid("Valid FAT types are only 12, 16 and 32");
        if (options is { FatType: 32, Floppy: true })
            throw Invalid("A floppy disk is too small for FAT32");
        if (options.Rw == true && context.ReadOnly)
            throw Invalid("Unable to set VVFAT to 'rw' when drive is read-only");
        if (options.Rw != true && !context.ReadOnly)
            context.FallBackToReadOnly("Image is read-only");
        var root = FolderCalls.TryOpenFolder(options.Dir, out var errno)
            ?? throw SystemError.Exception($"Could not read directory {options.Dir}", errno);
        try
        {
            return options.Rw == true
                ? await OpenWritableAsync(context, options, root, label, cancellationToken).ConfigureAwait(false)
                : await OpenAsync(context, options, root, label, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            root.Dispose();
            throw;
        }
    }

    private static async ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, VvfatOptions options, FileDescriptor root, byte[] label, CancellationToken cancellationToken)
    {
        var (logger, clock) = (context.Host.Loggers.CreateLogger(""), context.Host.Clock);
        var scanner = new FolderScanner(root, followLinks: true);
        var folder = await Task.Run(scanner.Scan, cancellationToken).ConfigureAwait(false);
        await FreshFiles.WaitAsync(folder, clock, cancellationToken).ConfigureAwait(false);
        if (scanner.LeftOut.Count > 0)
            logger.SomeLeftOut(options.Dir, scanner.LeftOut.Count, scanner.LeftOut.ToString());
        var layout = LayoutBuilder.Build(folder, options.FatType ?? 0, options.Floppy ?? false, label, clock.LocalTimeZone);
        var files = new FolderFiles(
            item => new(root, item.Path), followLinks: true, comparesChanged: true,
            path => logger.FileChanged(options.Dir, path));
        return new FolderNode(root, files, layout);
    }

    private static async ValueTask<BlockNode> OpenWritableAsync(
        IBlockNodeContext context, VvfatOptions options, FileDescriptor root, byte[] label, CancellationToken cancellationToken)
    {
        var (logger, clock) = (context.Host.Loggers.CreateLogger(""), context.Host.Clock);
        var opener = new FolderOpener(options, label, clock.LocalTimeZone, path => logger.FileChanged(options.Dir, path));
        var folder = await Task.Run(() => opener.Open(root), cancellationToken).ConfigureAwait(false);
        if (opener.LeftOut.Count > 0)
            logger.SomeLeftOut(options.Dir, opener.LeftOut.Count, opener.LeftOut.ToString());
        if (folder.Problem is { } problem)
            logger.NotTakenBack(options.Dir, problem);
        return new WritableNode(folder, options.Dir, clock, logger);
    }

    private static byte[] LabelOf(VvfatOptions options)
    {
        var label = Encoding.UTF8.GetBytes(options.Label ?? "QEMU VVFAT");
        if (label.Length > LabelLength)
            throw Invalid("vvfat label cannot be longer than 11 bytes");
        var padded = new byte[LabelLength];
        padded.AsSpan().Fill((byte)' ');
        label.CopyTo(padded, 0);
        return padded;
    }

    private static BlockException Invalid(string message) => new(BlockErrorKind.InvalidArgument, message);
}
