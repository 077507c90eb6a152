// SPDX-License-Identifier: MIT
namespace BlockHost.Core.Memory;

/// <summary>
/// Runs the host's own work on a large message on a thread that ends with it. The runtime's pool of arrays keeps large ones for
/// each thread, and lets go of them half a minute and more after the last use; what it keeps for a thread that is gone goes with
/// the next collection (<see cref="IdleCollection"/>).
/// </summary>
/// <remarks>
/// Never for what can run a plugin's code: such a thread must not end (docs/decisions/13). So what follows the work goes on
/// elsewhere.
/// </remarks>
internal static class PassingThread
{
    public static Task<T> RunAsync<T>(Func<T> work)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        var thread = new Thread(() =>
        {
            try
            {
                done.SetResult(work());
            }
            catch (Exception e)
            {
                done.SetException(e);
            }
        });
        thread.IsBackground = true;
        thread.UnsafeStart();
        return done.Task;
    }
}
