// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Core.Block.Changes;
using BlockHost.Core.Block.Opening;
using BlockHost.Core.Json;
using BlockHost.Plugins;

namespace BlockHost.Core.Block;

/// <summary>Making images.</summary>
public sealed partial class BlockGraph
{
    public async ValueTask CreateImageAsync(JsonElement createOptions, CancellationToken cancellationToken)
    {
        if (createOptions.ValueKind != JsonValueKind.Object || JsonObjects.StringMember(createOptions, "driver") is not { } name)
            throw new BlockException(ParameterFault.Missing("driver"));
        using var lease = await _drivers.AcquireAsync(name, "image creation", cancellationToken).ConfigureAwait(false)
            ?? throw new BlockException(ParameterFault.NotAccepted("driver", name));
        if (!lease.Driver.TryGetFacet<IImageCreator>(out var creator))
            throw new BlockException(BlockErrorKind.NotSupported, $"Driver '{name}' does not support creating images");
        var options = JsonObjects.Where(createOptions, member => member.Name != "driver");
        OptionsCheck.Validate(creator.CreateOptionsType, options);
        var context = new ImageCreation(this);
        try
        {
            await creator.CreateAsync(context, options, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            await context.CloseAsync().ConfigureAwait(false);
        }
    }

    private async ValueTask<ChildLink> OpenStorageAsync(BlockdevRef reference, CancellationToken cancellationToken)
    {
        ValueTask<ChildLink> Attach(GraphNode node) => AttachStorageAsync(node, cancellationToken);
        return await OpenForUserAsync(reference, OpenScope.Storage, Attach, cancellationToken).ConfigureAwait(false);
    }

    private static ValueTask<ChildLink> AttachStorageAsync(GraphNode node, CancellationToken cancellationToken) =>
        // What QEMU asks for: others may read meanwhile, and see an image that is not finished.
        AttachAsync(node, BlockPermissions.Write | BlockPermissions.Resize, cancellationToken);

    private static async ValueTask<ChildLink> AttachAsync(
        GraphNode node, BlockPermissions needed, CancellationToken cancellationToken)
    {
        var permissions = new BlockPermissionSet(needed, BlockPermissions.All);
        var link = new ChildLink(parent: null, "root", BlockChildRole.Image, node) { Proposed = permissions };
        node.AttachParent(link);
        try
        {
            await PermissionUpdate.ApplyAsync([node], cancellationToken).ConfigureAwait(false);
            return link;
        }
        catch
        {
            Unlink(link);
            throw;
        }
    }

    private async ValueTask CloseStorageAsync(ChildLink link)
    {
        await using var change = (await BeginChangeAsync(CancellationToken.None).ConfigureAwait(false)).ConfigureAwait(false);
        await DetachChildAsync(link).ConfigureAwait(false);
    }

    private sealed class ImageCreation(BlockGraph graph) : IImageCreateContext
    {
        private readonly List<ChildLink> _opened = [];

        public IDriverHost Host => graph.Host;

        public async ValueTask<IBlockChild> OpenStorageAsync(BlockdevRef reference, CancellationToken cancellationToken)
        {
            var link = await graph.OpenStorageAsync(reference, cancellationToken).ConfigureAwait(false);
            _opened.Add(link);
            return link;
        }

        public ValueTask<IBlockChild> OpenImageAsync(string fileName, string format, CancellationToken cancellationToken) =>
            OpenImageAsync(fileName, format, new GenericOptions(), cancellationToken);

        public ValueTask<IBlockChild> OpenSharedImageAsync(
            string fileName, string format, CancellationToken cancellationToken) =>
            OpenImageAsync(fileName, format, new GenericOptions { ForceShare = true }, cancellationToken);

        private async ValueTask<IBlockChild> OpenImageAsync(
            string fileName, string format, GenericOptions generic, CancellationToken cancellationToken)
        {
            var options = BackingFiles.OptionsOf(
                new BackingFileReference(fileName, format), _opened[0].FileName, allowProbing: false);
            var scope = OpenScope.Command.ForChild(
                generic, BlockChildRole.Backing) with
            { AllowFileNames = true, NoBacking = true, NoIo = true };
            var node = await graph.OpenNodeAsync(options, scope, cancellationToken).ConfigureAwait(false);
            var link = await graph.GiveToUserAsync(
                node, opened => AttachAsync(opened, BlockPermissions.None, cancellationToken)).ConfigureAwait(false);
            _opened.Add(link);
            return link;
        }

        public async ValueTask CloseAsync()
        {
            foreach (var link in _opened)
                await graph.CloseStorageAsync(link).ConfigureAwait(false);
        }
    }
}
