// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins.Block.Vvfat.Folder;
using BlockHost.Plugins.Block.Vvfat.Layout;
using BlockHost.Posix;

namespace BlockHost.Plugins.Block.Vvfat.Writing;

/// <summary>
/// Opens folders for writing. Where the last one that did has not come to its end, its journal is completed first; where that
/// cannot be, the disk is the one that its guest has left, so that the guest can mend it. Blocking.
/// </summary>
/// <param name="changed">Told of files that others have changed.</param>
internal sealed class FolderOpener(VvfatOptions options, byte[] label, TimeZoneInfo zone, Action<string> changed)
{
    /// <summary>For tests.</summary>
    public Action<string>? BeforeStep { get; init; }

    public LeftOut LeftOut { get; private set; } = new();

    /// <param name="root">The folder; the result's, also after an exception.</param>
    public WritableFolder Open(FileDescriptor root)
    {
        try
        {
            return Open(root, JournalFolder.Open(options.Dir));
        }
        catch (UnauthorizedAccessException e)
        {
            throw new BlockException(BlockErrorKind.PermissionDenied, e.Message, innerException: e);
        }
    }

    private WritableFolder Open(FileDescriptor root, JournalFolder journal)
    {
        try
        {
            journal.BeforeStep = BeforeStep;
            if (journal.HasLayout && Resume(root, journal) is { } left)
                return left;
            journal.Clear();
            return Begin(root, journal);
        }
        catch (Exception e)
        {
            // A folder that cannot be shown needs none.
            if (e is BlockException && !journal.HasLayout)
                journal.Delete();
            journal.Dispose();
            throw;
        }
    }

    /// <returns>Null: the folder holds all of it.</returns>
    private WritableFolder? Resume(FileDescriptor root, JournalFolder journal)
    {
        var layout = Layouts.FromRecord(Require(journal, JournalFolder.LayoutName, JournalJson.Default.LayoutRecord))
            ?? throw journal.Damaged(JournalFolder.LayoutName);
        var state = Require(journal, JournalFolder.StateName, JournalJson.Default.StateRecord);
        if (!state.IsOf(layout))
            throw journal.Damaged(JournalFolder.StateName);
        var folder = new WritableFolder(root, journal, layout, state, zone, changed);
        try
        {
            folder.RemoveLooseFiles();
            if (!folder.TakeBack())
                return folder;
        }
        catch
        {
            folder.Release();
            throw;
        }

        folder.Release();
        return null;
    }

    private WritableFolder Begin(FileDescriptor root, JournalFolder journal)
    {
        var scanner = new FolderScanner(root, followLinks: false);
        var tree = scanner.Scan();
        LeftOut = scanner.LeftOut;
        var layout = LayoutBuilder.Build(tree, options.FatType ?? 0, options.Floppy ?? false, label, zone);
        Layouts.RequireWritable(layout.Geometry);
        var state = FirstState.Of(tree, layout, root, zone);
        journal.Write(JournalFolder.StateName, state, JournalJson.Default.StateRecord);
        journal.Write(JournalFolder.LayoutName, Layouts.ToRecord(layout), JournalJson.Default.LayoutRecord);
        return new WritableFolder(root, journal, layout, state, zone, changed);
    }

    private static T Require<T>(JournalFolder journal, string name, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type)
        where T : class =>
        journal.Read(name, type)
            ?? throw new BlockException(BlockErrorKind.Corrupt, $"'{journal.FullPath}' has no '{name}'");
}
