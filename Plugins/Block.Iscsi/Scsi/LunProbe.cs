// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Iscsi.Scsi;

/// <summary>Sends one command, and comes back with however it ended.</summary>
internal delegate ValueTask<ScsiResult> CommandRunner(Cdb command, Memory<byte> answer);

/// <summary>Asks a logical unit what it is, in the order of QEMU's driver.</summary>
/// <param name="pause">Waits before a device that is busy is asked again.</param>
internal sealed class LunProbe(CommandRunner run, Func<int, Task> pause)
{
    /// <summary>As often as QEMU's driver.</summary>
    private const int MostTries = 8;

    private readonly byte[] _answer = new byte[byte.MaxValue];

    /// <summary>Modes could not be asked for; writes are tried.</summary>
    public bool IsAssumedWritable { get; private set; }

    /// <exception cref="BlockException">It is no disk, or does not say how large.</exception>
    public async ValueTask<LunFacts> RunAsync()
    {
        await ReadyAsync().ConfigureAwait(false);
        var inquiry = await AskAsync(Cdb.Inquiry(byte.MaxValue)).ConfigureAwait(false);
        if (!inquiry.IsGood || inquiry.Received == 0)
            throw new BlockException(BlockErrorKind.Io, $"iSCSI: Inquiry command failed : {inquiry}");
        var type = _answer[0];
        DeviceTypes.Require((byte)(type & 0x1F));
        var modes = await ModesAsync().ConfigureAwait(false);
        var capacity = await CapacityAsync().ConfigureAwait(false);
        var pages = LunReplies.Pages(await PageAsync(VpdPage.Supported).ConfigureAwait(false)).ToArray();
        return new LunFacts
        {
            DeviceType = (byte)(type & 0x1F),
            Capacity = capacity,
            IsWriteProtected = modes.IsWriteProtected,
            HasFua = modes.HasFua,
            HasWriteCache = modes.HasWriteCache,
            Provisioning = LunReplies.Provisioning(await PageAsync(VpdPage.Provisioning, pages).ConfigureAwait(false)),
            Limits = LunReplies.Limits(await PageAsync(VpdPage.BlockLimits, pages).ConfigureAwait(false)),
            Identity = [
                .. await PageAsync(VpdPage.SerialNumber, pages).ConfigureAwait(false),
                .. await PageAsync(VpdPage.Identification, pages).ConfigureAwait(false)],
        };
    }

    /// <exception cref="BlockException">It does not say.</exception>
    public async ValueTask<Capacity> CapacityAsync()
    {
        const byte longAnswer = 32, shortAnswer = 8;
        var result = await AskAsync(Cdb.ReadCapacity16(longAnswer), longAnswer).ConfigureAwait(false);
        if (result.IsGood)
            return LunReplies.Capacity16(_answer.AsSpan(0, result.Received)) ?? throw Unclear("16");
        // Small and old devices, and drives for discs, know only the short form.
        result = await AskAsync(Cdb.ReadCapacity10, shortAnswer).ConfigureAwait(false);
        if (!result.IsGood)
            throw new BlockException(
                BlockErrorKind.Io, $"iSCSI: failed to send readcapacity10/16 command: {result}", ErrnoOf(result));
        return LunReplies.Capacity10(_answer.AsSpan(0, result.Received)) ?? throw Unclear("10");
    }

    /// <summary>Takes what the target has to say to a new initiator.</summary>
    private async ValueTask ReadyAsync()
    {
        const ushort noLun = 0x2500;
        var result = await AskAsync(Cdb.TestUnitReady, 0).ConfigureAwait(false);
        if (result.Status == ScsiStatus.CheckCondition && Sense.Parse(result.Sense.Span).Code == noLun)
            throw new BlockException(BlockErrorKind.NotFound, $"{ConnectFailed}{result}", Errno.EINVAL);
    }

    public const string ConnectFailed = "iSCSI: Failed to connect to LUN : ";

    private async ValueTask<(bool IsWriteProtected, bool HasFua, bool HasWriteCache)> ModesAsync()
    {
        var result = await AskAsync(Cdb.ModeSense(byte.MaxValue)).ConfigureAwait(false);
        var modes = result.IsGood ? LunReplies.Modes(_answer.AsSpan(0, result.Received)) : null;
        IsAssumedWritable = modes is null;
        return modes ?? (false, false, true);
    }

    private async ValueTask<byte[]> PageAsync(VpdPage page, byte[] pages) =>
        pages.Contains((byte)page) ? await PageAsync(page).ConfigureAwait(false) : [];

    private async ValueTask<byte[]> PageAsync(VpdPage page)
    {
        var result = await AskAsync(Cdb.Inquiry(page, byte.MaxValue)).ConfigureAwait(false);
        return result.IsGood ? _answer.AsSpan(0, result.Received).ToArray() : [];
    }

    /// <summary>Again where a unit attention or a busy device is in the way.</summary>
    private async ValueTask<ScsiResult> AskAsync(Cdb command, int length = byte.MaxValue)
    {
        for (var tries = 1; ; tries++)
        {
            var result = await run(command, _answer.AsMemory(0, length)).ConfigureAwait(false);
            var isBusy = result.Status is ScsiStatus.Busy or ScsiStatus.TaskSetFull;
            var mayPass = isBusy
                || (result.Status == ScsiStatus.CheckCondition && Sense.Parse(result.Sense.Span).MayPass);
            if (!mayPass || tries == MostTries)
                return result;
            if (isBusy)
                await pause(tries).ConfigureAwait(false);
        }
    }

    private static int ErrnoOf(ScsiResult result) =>
        result.Status == ScsiStatus.CheckCondition ? Sense.Parse(result.Sense.Span).Errno : Errno.EIO;

    private static BlockException Unclear(string form) =>
        new(BlockErrorKind.Io, $"iSCSI: Failed to unmarshall readcapacity{form} data.");
}
