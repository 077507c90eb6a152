// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;

namespace BlockHost.Conformance.Execution;

/// <summary>Repairs an image that may not have been closed, where its driver asks for that before it writes to it.</summary>
internal static class Repair
{
    public static async Task RunAsync(CheckContext check, SubjectImage image)
    {
        if (!check.Subject.RepairFirst)
            return;
        var session = await NodeSession.OpenAsync(check, image, new SessionOptions { ForRepair = true }).ConfigureAwait(false);
        await using var _ = session.ConfigureAwait(false);
        if (session.Node.TryGetFacet<IImageCheck>(out var facet))
            await check.BoundedAsync(
                facet.CheckAsync(CheckRepair.Errors | CheckRepair.Leaks, check.Cancellation).AsTask(),
                "repair").ConfigureAwait(false);
    }
}
