// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Conformance.Model;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Conformance.Execution;

/// <summary>
/// Walks a range's status and compares each claim (zero, data at, not allocated) with the model and the children.
/// </summary>
internal sealed class StatusProbe(CheckContext check, NodeSession session, SubjectImage image, ReferenceImage model)
{
    public async Task ProbeAsync(long offset, long bytes)
    {
        var end = offset + bytes;
        while (offset < end)
        {
            BlockStatus status = default;
            await session.CallAsync("block-status", async n =>
                status = await n.GetStatusAsync(
                    offset,
                    end - offset,
                    StatusPrecision.WantZero,
                    CancellationToken.None).ConfigureAwait(false)).ConfigureAwait(false);
            if (Fault(offset, end - offset, status) is { } fault)
            {
                check.AddFault(
                    CheckNames.StatusHonest,
                    $"status of 0x{offset:x}+0x{end - offset:x} ({status.Bytes} bytes, {status.Flags}): {fault}");
                return;
            }

            offset += status.Bytes;
        }
    }

    private string? Fault(long offset, long bytes, BlockStatus status)
    {
        if (status.Bytes < 1 || status.Bytes > bytes)
            return $"the run is {status.Bytes} bytes long, of {bytes} asked for";
        if (Has(status, BlockStatusFlags.Zero) && model.ExplainZero(offset, status.Bytes) is { } notZero)
            return "it says zero, but " + notZero;
        if (Has(status, BlockStatusFlags.Raw) && status.Source is null)
            return "it is the source's answer, and there is no source";
        if (Has(status, BlockStatusFlags.OffsetValid) && Has(status, BlockStatusFlags.Data | BlockStatusFlags.Raw)
            && Stored(status) is { } stored
            && model.Explain(offset, stored) is { } wrong)
            return $"data is said to lie at 0x{status.HostOffset:x}, but {wrong}";
        return Has(status, BlockStatusFlags.Allocated) ? null : BackingFault(offset, status);
    }

    /// <summary>What is not allocated shows the backing file.</summary>
    private string? BackingFault(long offset, BlockStatus status)
    {
        var backing = image.Children.Values.FirstOrDefault(c => (c.Role & BlockChildRole.CopyOnWrite) != 0);
        if (backing is null || Has(status, BlockStatusFlags.Raw))
            return null;
        return model.Explain(offset, backing.Image.Read(offset, (int)status.Bytes)) is { } wrong
            ? "it says not allocated, but " + wrong
            : null;
    }

    private byte[]? Stored(BlockStatus status) =>
        status.Source is RecordingChild child && image.Children.TryGetValue(child.Name, out var storage)
            ? storage.Image.Read(status.HostOffset, (int)status.Bytes)
            : null;

    private static bool Has(BlockStatus status, BlockStatusFlags anyOf) => (status.Flags & anyOf) != 0;
}
