// SPDX-License-Identifier: MIT
namespace BlockHost.Conformance.Execution;

/// <summary>Lets waiting operations of children through one at a time until a task is done.</summary>
internal static class GatePump
{
    public static async Task DriveAsync(CheckContext check, NodeSession session, Task until, Random random)
    {
        var patience = TimeProvider.System.GetTimestamp();
        while (!until.IsCompleted)
        {
            if (await StepAsync(session, until, random).ConfigureAwait(false))
                patience = TimeProvider.System.GetTimestamp();
            else if (TimeProvider.System.GetElapsedTime(patience) > check.Options.OperationTimeout)
                throw new CheckFailure(
                    $"Requests hang: no operation of a child is outstanding after {check.Options.OperationTimeout.TotalSeconds:0.#} s");
        }
    }

    /// <summary>Waits until some operation stands at a gate, or the task is done.</summary>
    /// <returns>False after a while in which neither happened.</returns>
    public static async Task<bool> WaitAsync(NodeSession session, Task until, int milliseconds = 200)
    {
        for (var i = 0; i < milliseconds && session.Waiting == 0 && !until.IsCompleted; i++)
        {
            if (i < 20)
                await Task.Yield();
            else
                await Task.Delay(1).ConfigureAwait(false);
        }

        return session.Waiting > 0 || until.IsCompleted;
    }

    private static async Task<bool> StepAsync(NodeSession session, Task until, Random random)
    {
        if (!await WaitAsync(session, until).ConfigureAwait(false))
            return false;
        var gates = session.Gates.Where(g => g.WaitingCount > 0).ToList();
        if (gates.Count == 0)
            return until.IsCompleted;
        var gate = gates[random.Next(gates.Count)];
        return gate.Release(random.Next(Math.Max(1, gate.WaitingCount)));
    }
}
