// SPDX-License-Identifier: MIT
namespace BlockHost.Conformance.Model;

/// <summary>Shortens a failing sequence: leaves out ever smaller pieces, then simplifies what remains.</summary>
internal sealed class ScriptShrinker(Func<IReadOnlyList<ScriptOperation>, Task<bool>> fails, int maxRuns)
{
    private int _runs;

    public async Task<IReadOnlyList<ScriptOperation>> ShrinkAsync(IReadOnlyList<ScriptOperation> script)
    {
        var current = script.ToList();
        for (var piece = current.Count / 2; piece >= 1; piece = piece == 1 ? 0 : (piece + 1) / 2)
            current = await LeaveOutAsync(current, piece).ConfigureAwait(false);
        return await SimplifyAsync(current).ConfigureAwait(false);
    }

    private async Task<List<ScriptOperation>> LeaveOutAsync(List<ScriptOperation> current, int piece)
    {
        for (var at = 0; at < current.Count;)
        {
            List<ScriptOperation> shorter = [.. current.Take(at), .. current.Skip(at + piece)];
            if (shorter.Count > 0 && await TryAsync(shorter).ConfigureAwait(false))
                current = shorter;
            else
                at += piece;
        }

        return current;
    }

    private async Task<List<ScriptOperation>> SimplifyAsync(List<ScriptOperation> current)
    {
        for (var i = 0; i < current.Count; i++)
        {
            foreach (var simpler in Simpler(current[i]))
            {
                List<ScriptOperation> candidate = [.. current];
                candidate[i] = simpler;
                if (await TryAsync(candidate).ConfigureAwait(false))
                    current = candidate;
            }
        }

        return current;
    }

    private static IEnumerable<ScriptOperation> Simpler(ScriptOperation operation)
    {
        if (operation.Segments > 1)
            yield return operation with { Segments = 1 };
        if (operation.Flag)
            yield return operation with { Flag = false };
    }

    private async Task<bool> TryAsync(IReadOnlyList<ScriptOperation> script) =>
        _runs++ < maxRuns && await fails(script).ConfigureAwait(false);
}
