// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block.Bitmaps;
using BlockHost.Jobs;
using BlockHost.Plugins.Commands.Block.Types;

namespace BlockHost.Plugins.Commands.Block.Commands.Bitmaps;

/// <summary>block-dirty-bitmap-add, -remove, -clear, -enable, -disable and -merge.</summary>
internal static class BitmapActions
{
    /// <summary>Each as an action and as the command of the same name.</summary>
    public static void Register(IPluginRegistry registry)
    {
        var json = CommandsJson.Default;
        Add(registry, "block-dirty-bitmap-add", () => json.BitmapAddArguments, AddAsync);
        Add(registry, "block-dirty-bitmap-remove", () => json.BitmapArguments, RemoveAsync);
        Add(registry, "block-dirty-bitmap-clear", () => json.BitmapArguments, Clear);
        Add(
            registry,
            "block-dirty-bitmap-enable",
            () => json.BitmapArguments,
            (host, arguments, _) => Enable(host, arguments, true));
        Add(
            registry,
            "block-dirty-bitmap-disable",
            () => json.BitmapArguments,
            (host, arguments, _) => Enable(host, arguments, false));
        Add(registry, "block-dirty-bitmap-merge", () => json.BitmapMergeArguments, Merge);
    }

    private static void Add<T>(
        IPluginRegistry registry,
        string name,
        Func<JsonTypeInfo<T>> type,
        Func<IPluginHost, T, CancellationToken, ValueTask<TransactionStep>> prepare)
        where T : class
    {
        var action = new BitmapAction<T>(name, type, prepare);
        registry.Add(action);
        registry.Add(action.AsCommand());
    }

    private static async ValueTask<TransactionStep> AddAsync(
        IPluginHost host, BitmapAddArguments arguments, CancellationToken cancellationToken)
    {
        var node = host.Graph.Lookup(arguments.Node, arguments.Node);
        var options = new DirtyBitmapOptions
        {
            Name = arguments.Name,
            Granularity = arguments.Granularity,
            Persistent = arguments.Persistent ?? false,
            Disabled = arguments.Disabled ?? false,
        };
        var bitmap = await node.DirtyBitmaps.AddAsync(options, cancellationToken).ConfigureAwait(false);
        return new BitmapStep(node.DirtyBitmaps, bitmap.Dispose);
    }

    private static async ValueTask<TransactionStep> RemoveAsync(
        IPluginHost host, BitmapArguments arguments, CancellationToken cancellationToken)
    {
        var bitmap = host.Graph.FindDirtyBitmap(arguments.Node, arguments.Name);
        bitmap.RequireUsable(BitmapUse.AllowInconsistent);
        var removal = await bitmap.Node.DirtyBitmaps.BeginRemovalAsync(bitmap, cancellationToken).ConfigureAwait(false);
        return new BitmapStep(bitmap.Node.DirtyBitmaps, removal.Abort, removal.Commit);
    }

    private static ValueTask<TransactionStep> Clear(
        IPluginHost host, BitmapArguments arguments, CancellationToken cancellationToken)
    {
        var bitmap = host.Graph.FindDirtyBitmap(arguments.Node, arguments.Name);
        bitmap.RequireUsable();
        var before = bitmap.Capture();
        bitmap.Clear();
        return new(new BitmapStep(bitmap.Node.DirtyBitmaps, () => bitmap.Restore(before)));
    }

    private static ValueTask<TransactionStep> Enable(IPluginHost host, BitmapArguments arguments, bool enabled)
    {
        var bitmap = host.Graph.FindDirtyBitmap(arguments.Node, arguments.Name);
        bitmap.RequireUsable(BitmapUse.AllowReadOnly);
        var before = bitmap.Enabled;
        bitmap.Enabled = enabled;
        return new(new BitmapStep(bitmap.Node.DirtyBitmaps, () => bitmap.Enabled = before));
    }

    private static ValueTask<TransactionStep> Merge(
        IPluginHost host, BitmapMergeArguments arguments, CancellationToken cancellationToken)
    {
        var target = host.Graph.FindDirtyBitmap(arguments.Node, arguments.Target);
        var sources = new List<IDirtyBitmap>();
        foreach (var source in arguments.Bitmaps)
        {
            var bitmap = source.Node is { } node
                ? host.Graph.FindDirtyBitmap(node, source.Name)
                : target.Node.DirtyBitmaps.Get(source.Name);
            target.RequireUsable();
            bitmap.RequireUsable(BitmapUse.AllowReadOnly);
            target.RequireMergeable(bitmap);
            sources.Add(bitmap);
        }

        var before = target.Capture();
        foreach (var bitmap in sources)
            target.Merge(bitmap);
        return new(new BitmapStep(target.Node.DirtyBitmaps, () => target.Restore(before)));
    }
}
