// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Conformance.Execution;
using BlockHost.Conformance.Model;

namespace BlockHost.Conformance.Checks;

/// <summary>
/// A cancelled request has happened or not, and once it has completed its buffer is the caller's again: children that
/// answer later must not find it.
/// </summary>
internal sealed class CancelBuffersCheck : ConformanceCheck
{
    private const byte Poison = 0xEE;

    public override string Name => CheckNames.CancelBuffers;

    public override async Task RunAsync(CheckContext check)
    {
        foreach (var seed in Seeds(check))
        {
            var image = await check.Subject.CreateImage(check.Cancellation).ConfigureAwait(false);
            await using var _ = image.ConfigureAwait(false);
            var runner = await ScriptRunner.StartAsync(check, image).ConfigureAwait(false);
            await using var __ = runner.ConfigureAwait(false);
            var random = new Random(seed);
            for (var i = 0; i < 6; i++)
                await CancelOneAsync(check, runner, random).ConfigureAwait(false);
            await runner.VerifyAsync("after cancelled requests").ConfigureAwait(false);
            await runner.ReopenAsync().ConfigureAwait(false);
            await runner.VerifyAsync("after cancelled requests and a reopen").ConfigureAwait(false);
        }
    }

    private static async Task CancelOneAsync(CheckContext check, ScriptRunner runner, Random random)
    {
        var session = runner.Session;
        var unit = Math.Max(512, session.Profile.Limits.RequestAlignment);
        var bytes = Math.Min(random.Next(1, 64) * (long)unit, session.Profile.Length / unit * unit);
        var offset = random.NextInt64(session.Profile.Length - bytes + 1) / unit * unit;
        var write = session.Profile.Writable && random.Next(3) > 0;
        var data = Pattern.Make(random.Next(), bytes);
        var buffer = new GuardedBuffer(write ? data : new byte[bytes], random.Next(1, 4), session.MemoryAlignment);
        using var source = new CancellationTokenSource();
        session.ShutGates();
        if (random.Next(8) == 0)
            await source.CancelAsync().ConfigureAwait(false);
        var request = session.TakeTurnAsync(n => write
            ? n.WriteAsync(offset, buffer.Slice, WriteFlags.None, source.Token)
            : n.ReadAsync(offset, buffer.Slice, ReadFlags.None, source.Token));
        await LetSomeThroughAsync(session, request, random).ConfigureAwait(false);
        await source.CancelAsync().ConfigureAwait(false);
        await EndAsync(check, session, request, buffer, write).ConfigureAwait(false);
        Account(check, runner, request, write, offset, data);
    }

    private static async Task LetSomeThroughAsync(NodeSession session, Task request, Random random)
    {
        for (var let = random.Next(4); let > 0 && await GatePump.WaitAsync(session, request, 30).ConfigureAwait(false); let--)
            session.Gates.FirstOrDefault(g => g.WaitingCount > 0)?.Release();
        await GatePump.WaitAsync(session, request, 30).ConfigureAwait(false);
    }

    /// <summary>Takes the buffer back as soon as the request has completed, and only then lets the children answer.</summary>
    private static async Task EndAsync(CheckContext check, NodeSession session, Task request, GuardedBuffer buffer, bool write)
    {
        await Task.WhenAny(request, Task.Delay(10, check.Cancellation)).ConfigureAwait(false);
        var early = request.IsCompleted;
        if (early)
            buffer.Slice.Fill(Poison);
        session.OpenGates();
        await check.BoundedAsync(Task.WhenAny(request), "a cancelled request").ConfigureAwait(false);
        for (var i = 0; i < 100 && session.Recorders.Sum(r => r.InFlight) > 0; i++)
            await Task.Delay(1, check.Cancellation).ConfigureAwait(false);
        Require(
            !early || buffer.Content().AsSpan().IndexOfAnyExcept(Poison) < 0,
            "The target of a cancelled read was written after the read had completed");
        if (!early && write)
            buffer.Slice.Fill(Poison);
    }

    private static void Account(CheckContext check, ScriptRunner runner, Task request, bool write, long offset, byte[] data)
    {
        var error = request.Exception?.InnerException;
        Require(error is null or BlockException, $"A cancelled request threw {error?.GetType().Name}: {error?.Message}");
        if (!write || check.Subject.Data != SubjectData.Stored)
            return;
        if (request.IsCompletedSuccessfully)
            runner.Model.Write(offset, data);
        else
            runner.Model.MayHaveWritten(offset, data);
    }
}
