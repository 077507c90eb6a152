// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Core.Json;

namespace BlockHost.Core.Block.Opening;

/// <summary>Finds an image's format by its first bytes. A guest can forge them: only tools ask for it.</summary>
internal static class FormatProbing
{
    private const int ProbeBytes = 2048;

    /// <summary>More than raw says of any image, less than a driver that knows its own.</summary>
    private const int MagicScore = 2;

    /// <param name="protocol">Options of the node that stores the image.</param>
    public static async ValueTask<string> ProbeAsync(
        BlockGraph graph, IDriverSource drivers, JsonElement protocol, OpenScope scope, CancellationToken cancellationToken)
    {
        var head = await ReadHeadAsync(graph, protocol, scope, cancellationToken).ConfigureAwait(false);
        return await GuessAsync(
            drivers, head, JsonObjects.StringMember(protocol, "filename"), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// The format of anything (raw) where no driver claims the image. What bears a format's magic is never taken for that, though
    /// its driver may know no such version or may not be there: it is for that driver to say so.
    /// </summary>
    public static async ValueTask<string> GuessAsync(
        IDriverSource drivers, ReadOnlyMemory<byte> head, string? fileName, CancellationToken cancellationToken)
    {
        var best = (Name: drivers.FormatOfAnything, Score: 0);
        foreach (var candidate in drivers.Probe(head.Span, fileName))
        {
            using var lease = await drivers.AcquireAsync(candidate.Driver, "probing", cancellationToken).ConfigureAwait(false);
            var score = Math.Max(lease?.Driver.Probe(head.Span, fileName) ?? 0, candidate.HasMagic ? MagicScore : 0);
            if (score > best.Score)
                best = (candidate.Driver, score);
        }

        return best.Name
            ?? throw new BlockException(
                BlockErrorKind.NotSupported, "Could not determine the image's format: no block driver knows it");
    }

    private static async ValueTask<byte[]> ReadHeadAsync(
        BlockGraph graph, JsonElement protocol, OpenScope scope, CancellationToken cancellationToken)
    {
        var readOnly = JsonObjects.With(
            JsonObjects.Where(protocol, member => member.Name is not ("read-only" or "aio")),
            "read-only",
            JsonDocument.Parse("true").RootElement);
        // Where there is no name, names can stand further down (blkdebug's image).
        var isNamed = protocol.TryGetProperty("filename", out _);
        var own = scope with
        {
            Depth = scope.Depth + 1,
            AllowFileNames = !isNamed,
            Aio = null,
            Inherited = new GenericOptions { ReadOnly = true },
        };
        var node = await graph.OpenNodeAsync(readOnly, own, cancellationToken).ConfigureAwait(false);
        try
        {
            var head = new byte[Math.Min(ProbeBytes, node.Length)];
            await node.ReadAsync(0, head, ReadFlags.None, cancellationToken).ConfigureAwait(false);
            return head;
        }
        catch (BlockException e)
        {
            throw new BlockException(
                e.Kind, $"Could not read image for determining its format: {ErrnoText.Of(e.Errno)}", e.Errno, e);
        }
        finally
        {
            await graph.GiveUpAsync(node).ConfigureAwait(false);
        }
    }
}
