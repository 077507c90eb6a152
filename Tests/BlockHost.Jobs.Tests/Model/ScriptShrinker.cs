// SPDX-License-Identifier: MIT
namespace BlockHost.Jobs.Tests.Model;

/// <summary>Leaves out of a failing script what it can fail without: halves, quarters, …, single lines.</summary>
internal static class ScriptShrinker
{
    public static async Task<IReadOnlyList<Operation>> ShrinkAsync(
        IReadOnlyList<Operation> failing, Func<IReadOnlyList<Operation>, Task<bool>> fails)
    {
        for (var size = failing.Count / 2; size > 0; size /= 2)
        {
            for (var start = 0; start + size <= failing.Count;)
            {
                Operation[] shorter = [.. failing.Take(start), .. failing.Skip(start + size)];
                if (await fails(shorter))
                    failing = shorter;
                else
                    start += size;
            }
        }

        return failing;
    }
}
