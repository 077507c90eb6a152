// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Core.Block.Opening;

namespace BlockHost.Core.Block;

/// <summary>Backing files that headers record, of images that were opened without.</summary>
public sealed partial class BlockGraph
{
    public async ValueTask OpenRecordedBackingAsync(IGraphNode overlay, CancellationToken cancellationToken)
    {
        var top = Own(overlay);
        if (top.BackingLink is not null || top.RecordedBacking is not { FileName.Length: > 0 } recorded)
            return;
        var scope = OpenScope.Command.ForChild(top.Generic, BlockChildRole.Backing) with { AllowFileNames = true };
        var options = BackingFiles.OptionsOf(recorded, top.PrimaryLink?.Child.FileName, scope.AllowProbing);
        var backing = await OpenNodeAsync(options, scope, cancellationToken).ConfigureAwait(false);
        await GiveToUserAsync(backing, Attach).ConfigureAwait(false);

        async ValueTask<ChildLink?> Attach(GraphNode opened)
        {
            await using var drained = (await DrainAsync(top, cancellationToken).ConfigureAwait(false)).ConfigureAwait(false);
            await ExchangeBackingAsync(top, opened, cancellationToken).ConfigureAwait(false);
            opened.InheritsFrom = top;
            return top.RecordedLink = top.BackingLink;
        }
    }
}
