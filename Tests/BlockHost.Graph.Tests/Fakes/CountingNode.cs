// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Graph.Tests.Fakes;

/// <summary>A filter that counts writes.</summary>
internal sealed class CountingNode(IBlockChild child) : BlockFilterNode(child)
{
    public int Writes { get; private set; }

    public static ValueTask<CountingNode> MakeAsync(
        IBlockNodeContext context, IBlockChild child, CancellationToken cancellationToken) => new(new CountingNode(child));

    public override ValueTask WriteAsync(long offset, IoSlice source, WriteFlags flags, CancellationToken cancellationToken)
    {
        Writes++;
        return base.WriteAsync(offset, source, flags, cancellationToken);
    }
}
