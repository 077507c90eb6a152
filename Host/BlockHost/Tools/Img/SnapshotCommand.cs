// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.CommandLine;
using BlockHost.Images;

namespace BlockHost.Tools.Img;

/// <summary>qemu-img snapshot: lists, makes, applies or deletes an internal snapshot.</summary>
internal sealed class SnapshotCommand(ImgContext context) : IImgCommand
{
    private static readonly OptionTable Table = new("la:c:d:hqU", "help=h", "object:", "image-opts", "force-share=U");

    private string? _action;
    private string _snapshot = "";
    private bool _forceShare;
    private bool _imageOptions;

    public async Task<int> RunAsync(IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var name = await ParseAsync(args, cancellationToken);
        var mode = new OpenMode { Writable = _action is not (null or "l"), ForceShare = _forceShare };
        var image = await context.OpenAsync(new(name, null, _imageOptions), mode, cancellationToken);
        await using (image)
        {
            var store = image.Node.FindSnapshotStore();
            switch (_action)
            {
                case "l": await ListAsync(store, cancellationToken); break;
                case "c": await CreateAsync(image, store, cancellationToken); break;
                case "a": await ApplyAsync(image, store, cancellationToken); break;
                case "d": await DeleteAsync(image, store, cancellationToken); break;
            }
        }

        return 0;
    }

    private async ValueTask<string> ParseAsync(IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var names = new List<string>();
        foreach (var item in context.Options(args, Table))
        {
            switch (item.Key)
            {
                case "l" or "a" or "c" or "d": SetAction(item); break;
                case "q": break;
                case "U": _forceShare = true; break;
                case "image-opts": _imageOptions = true; break;
                case "object": await context.AddObjectAsync(item.Value!, cancellationToken); break;
                default: names.Add(item.Value!); break;
            }
        }

        return names.Count == 1 ? names[0] : throw ToolException.Usage("Expecting one image file name");
    }

    private void SetAction(GetOptItem item)
    {
        if (_action is not null)
            throw ToolException.Usage("Cannot mix '-l', '-a', '-c', '-d'");
        (_action, _snapshot) = (item.Key, item.Value ?? "");
    }

    private async ValueTask ListAsync(ISnapshotStore? store, CancellationToken cancellationToken)
    {
        var snapshots = store is null ? [] : await store.ListAsync(cancellationToken);
        if (snapshots.Count > 0)
            SnapshotTable.Print(context.Out, snapshots);
    }

    private async ValueTask CreateAsync(OpenImage image, ISnapshotStore? store, CancellationToken cancellationToken)
    {
        if (store is null)
            throw CannotCreate(Errno.ENOTSUP);
        try
        {
            await using var drained = await image.Graph.DrainAsync(image.Node, cancellationToken);
            var record = new SnapshotRecord("", _snapshot, 0, TimeProvider.System.GetUtcNow(), TimeSpan.Zero)
            { InstructionCount = 0 };
            await store.CreateAsync(record, cancellationToken);
        }
        catch (BlockException e)
        {
            throw CannotCreate(e.Errno);
        }
    }

    private ToolException CannotCreate(int errno) =>
        new($"Could not create snapshot '{_snapshot}': -{errno} ({ImageErrors.Text(errno)})");

    private async ValueTask ApplyAsync(OpenImage image, ISnapshotStore? store, CancellationToken cancellationToken)
    {
        // What the snapshot brings back would be missing in them.
        if (image.Node.DirtyBitmaps.All.Count > 0)
            throw new ToolException($"Could not apply snapshot '{_snapshot}': Device has active dirty bitmaps");
        if (store is null)
            throw CannotApply("Block driver does not support snapshots");
        if (image.Node.DirtyBitmaps.Named.Count > 0)
            throw CannotApply("Device has active dirty bitmaps");
        try
        {
            await using var drained = await image.Graph.DrainAsync(image.Node, cancellationToken);
            await store.ApplyAsync(_snapshot, cancellationToken);
        }
        catch (BlockException e)
        {
            throw CannotApply(
                e.Kind == BlockErrorKind.NotFound ? "Failed to load snapshot: No such file or directory" : e.Message);
        }
    }

    private ToolException CannotApply(string reason) => new($"Could not apply snapshot '{_snapshot}': {reason}");

    private async ValueTask DeleteAsync(OpenImage image, ISnapshotStore? store, CancellationToken cancellationToken)
    {
        var snapshots = store is null ? [] : await store.ListAsync(cancellationToken);
        var found = snapshots.FirstOrDefault(snapshot => snapshot.Name == _snapshot)
            ?? throw new ToolException($"Could not delete snapshot '{_snapshot}': snapshot not found");
        try
        {
            await using var drained = await image.Graph.DrainAsync(image.Node, cancellationToken);
            await store!.DeleteAsync(found.Id, found.Name, cancellationToken);
        }
        catch (BlockException e)
        {
            throw new ToolException($"Could not delete snapshot '{_snapshot}': {e.Message}");
        }
    }
}
