// SPDX-License-Identifier: MIT
namespace BlockHost.JobTypes.Tests;

/// <summary>Guests at work while something is done to their disks.</summary>
internal static class GuestWork
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>Even where the action fails, the guests have stopped when this returns, so that their disks can go.</summary>
    /// <param name="guests">Each works until the task that it is given ends.</param>
    public static async Task WhileAsync(Func<Task> action, params IEnumerable<Func<Task, Task>> guests)
    {
        var stop = new TaskCompletionSource();
        var working = Task.WhenAll(guests.Select(work => Task.Run(() => work(stop.Task))).ToArray());

        // Of two failures the action's is the one that is told.
        await Task.WhenAll(ActAsync(), EndAsync());

        async Task ActAsync()
        {
            try
            {
                await action();
            }
            finally
            {
                stop.SetResult();
            }
        }

        async Task EndAsync()
        {
            await stop.Task;
            await working.WaitAsync(Patience);
        }
    }
}
