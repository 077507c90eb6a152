// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Qcow2.Metadata;

namespace BlockHost.Plugins.Block.Qcow2;

/// <summary>
/// A reopen with other options. The old image has written all its metadata; the same image is opened anew beside it, and
/// the node goes over to the new one when the reopen commits.
/// </summary>
internal sealed class Qcow2Reopen(Qcow2Node node, Qcow2Image image) : IReopenStep
{
    public static async ValueTask<IReopenStep> PrepareAsync(
        Qcow2Node node, Qcow2Image old, Qcow2Options options, IBlockNodeContext context, CancellationToken cancellationToken)
    {
        var store = await HeaderStore.LoadAsync(old.File, old.Settings.ForRepair, cancellationToken).ConfigureAwait(false);
        if (store.Current.HasDataFile != old.Header.Current.HasDataFile)
            throw new BlockException(
                BlockErrorKind.InvalidArgument, "An image with a data file and one without cannot take each other's place");
        Qcow2Driver.RefuseUnserved(store.Current, context);
        // The key does not change, whatever secret it is asked with.
        var settings = Qcow2SettingsReader.Read(options, store.Current, context) with { Encryption = old.Settings.Encryption };
        var image = await Qcow2Image.OpenAsync(
            old.File, old.Data.External, store, settings, context.Host.Buffers, cancellationToken).ConfigureAwait(false);
        return new Qcow2Reopen(node, image);
    }

    public void Commit() => node.Adopt(image);

    public ValueTask CommittedAsync(CancellationToken cancellationToken) =>
        image.Settings.Writable ? Qcow2Driver.PrepareForWritingAsync(image, cancellationToken) : ValueTask.CompletedTask;

    public ValueTask AbortAsync()
    {
        image.Release();
        return ValueTask.CompletedTask;
    }
}
