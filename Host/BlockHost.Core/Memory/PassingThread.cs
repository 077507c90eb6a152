// SPDX-License-Identifier: MIT
namespace BlockHost.Core.Memory;

/// <summary>
/// Work on a large message runs on a thread that ends with it. The runtime's pool of arrays keeps large ones for each thread,
/// and lets go of them half a minute and more after the last use; what it keeps for a thread that is gone goes with the next
/// collection (<see cref="IdleCollection"/>).
/// </summary>
internal static class PassingThread
{
    /// <summary>Runs the work, up to where it first waits, on a thread of its own; where little is at stake, here.</summary>
    public static ValueTask RunAsync(int bytes, Func<ValueTask> work) => bytes < IdleCollection.Large
        ? work()
        : new(Task.Factory.StartNew(() => work().AsTask(), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap());
}
