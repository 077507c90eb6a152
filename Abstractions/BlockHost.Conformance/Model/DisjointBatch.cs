// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Conformance.Model;

/// <summary>
/// Requests to be in flight together: they do not overlap, so that the model knows the outcome, but share clusters.
/// </summary>
internal static class DisjointBatch
{
    private const int Size = 6;
    private const int MaxSpread = 96 * 1024;

    public static List<ScriptOperation> Make(BlockProfile profile, Random random)
    {
        var unit = Math.Max(1, profile.Limits.RequestAlignment);
        var spread = Math.Max(unit, Math.Min(profile.Length / Size / 2, MaxSpread)) / unit * unit;
        var start = random.NextInt64(Math.Max(1, profile.Length - spread * Size)) / unit * unit;
        var batch = new List<ScriptOperation>();
        for (var i = 0; i < Size && start + (i + 1) * spread <= profile.Length; i++)
        {
            var bytes = Math.Max(unit, random.NextInt64(1, spread + 1) / unit * unit);
            batch.Add(new(PickKind(profile, random), start + i * spread, bytes, random.Next(), random.Next(1, 4)));
        }

        return batch;
    }

    public static ScriptKind PickKind(BlockProfile profile, Random random) => random.Next(8) switch
    {
        < 5 when profile.Writable => ScriptKind.Write,
        5 when profile.Writable => ScriptKind.WriteZeroes,
        6 when profile.Flush == Support.Native => ScriptKind.Flush,
        _ => ScriptKind.Read,
    };
}
