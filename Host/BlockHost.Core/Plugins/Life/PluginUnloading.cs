// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;
using BlockHost.Core.Logging;
using Microsoft.Extensions.Logging;

namespace BlockHost.Core.Plugins;

/// <summary>
/// One unload, from the closed gate to the runtime's proof that the code is gone:
/// <code>
///   draining ──last use ends──► stopping ──► collecting ──proof──► done
///   (may be called off)          StopAsync     GC; never certain
/// </code>
/// The runtime collects a plugin only when nothing refers to it any more. What the host knows of (users) is waited for;
/// what it cannot know of (a delegate left in a host event, a static) shows as a collection that does not come.
/// The gate closes as soon as this is constructed.
/// </summary>
internal sealed class PluginUnloading(PluginRegistry registry, TimeProvider clock, ActivePlugin active, ILogger log)
{
    private const int ForcedRounds = 20;
    private static readonly TimeSpan RoundPause = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan PassivePause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(10);

    private readonly Task _idle = active.Owner.Close();
    private readonly TaskCompletionSource _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _tried = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile ActivePlugin? _active = active;
    private volatile IUnloadProof? _proof;
    private volatile string? _reason;

    /// <summary>Ends when the code is collected; cancelled when the unload is called off.</summary>
    public Task Completion => _completion.Task;

    /// <summary>What the unload waits for.</summary>
    public string? Reason => _active?.Owner.Users is { Count: > 0 } users ? $"in use by {string.Join(", ", users)}" : _reason;

    /// <param name="released">The last user has gone; called before the plugin stops.</param>
    /// <param name="collected">The code is gone.</param>
    public void Begin(Action released, Action collected) => _ = CompleteAsync(released, collected);

    /// <summary>Collects a few times more, for a caller who asks again.</summary>
    public Task CollectAsync() => _proof is { } proof ? ForceAsync(proof) : Task.CompletedTask;

    /// <summary>
    /// For who wants the plugin back: ends when its code is gone, or stays in spite of several collections, or the unload
    /// was called off.
    /// </summary>
    public async Task GoneAsync(CancellationToken cancellationToken)
    {
        try
        {
            await _tried.Task.WaitAsync(LongestWait, clock, cancellationToken).ConfigureAwait(false);
            if (_proof is { IsCollected: false } proof)
                await ForceAsync(proof).ConfigureAwait(false);
            if (_proof is { IsCollected: true })
                await _completion.Task.WaitAsync(LongestWait, clock, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception e)
            when (e is TimeoutException || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            // The plugin's StopAsync hangs, or the unload was called off: the plugin's state says which.
        }
    }

    private async Task CompleteAsync(Action released, Action collected)
    {
        try
        {
            await RunAsync(released, collected).ConfigureAwait(false);
            _completion.SetResult();
        }
        catch (OperationCanceledException)
        {
            _completion.SetCanceled();
        }
        catch (Exception e)
        {
            _completion.SetException(e);
        }
        finally
        {
            _tried.TrySetResult();
        }
    }

    private async Task RunAsync(Action released, Action collected)
    {
        await _idle.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        released();
        await LetGoAsync().ConfigureAwait(false);
        await ForceAsync(_proof!).ConfigureAwait(false);
        if (!_proof!.IsCollected)
        {
            _reason =
                $"its code is still in memory: a forgotten delegate or a static root holds it{(_reason is null ? "" : $"; {_reason}")}";
            _tried.TrySetResult();
        }

        while (!_proof.IsCollected)
            await Task.Delay(PassivePause, clock).ConfigureAwait(false);
        collected();
    }

    /// <summary>Apart and not inlined: no local of the waiting method may refer to the plugin.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private async Task LetGoAsync()
    {
        var loaded = _active!.Loaded;
        var (id, host) = (_active.Owner.Identity.Id, _active.Host);
        registry.Remove(_active.Owner);
        _active = null;
        _reason = "StopAsync is running";
        try
        {
            await loaded.Plugin.StopAsync(CancellationToken.None).ConfigureAwait(false);
            _reason = null;
        }
        catch (Exception e)
        {
            // The text only: the exception itself may be of a type of the plugin's.
            _reason = $"StopAsync failed: {e.GetType().Name}: {e.Message}";
            log.PluginDidNotStop(e, id, e.Message);
        }

        host.Dispose();
        _proof = loaded.Unload();
    }

    private async Task ForceAsync(IUnloadProof proof)
    {
        for (var round = 0; round < ForcedRounds && !proof.IsCollected; round++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            if (!proof.IsCollected)
                await Task.Delay(RoundPause, clock).ConfigureAwait(false);
        }
    }
}
