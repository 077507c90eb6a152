// SPDX-License-Identifier: MIT
using BlockHost.Sequences.Tests.Watched;

namespace BlockHost.Sequences.Tests.Crashes;

/// <summary>What a command did to the files of a folder.</summary>
internal sealed record Recording(
    string Program, IReadOnlyList<string> Args, FolderState Before, IReadOnlyList<FileOperation> Operations, FolderState After)
{
    public string Command => $"{Program} {string.Join(' ', Args)}";

    /// <summary>So many operations has it begun.</summary>
    public int Begun { get; init; }

    /// <summary>It makes another image, and does nothing to the one that it is given.</summary>
    public bool MakesImage => Args[0] is "create" or "convert";

    public bool IsComplete()
    {
        var state = Before.Clone();
        foreach (var operation in Operations)
            state.Apply(operation);
        return state.Equals(After);
    }

    /// <summary>
    /// What a power cut can leave: all up to any operation; all before and some sectors of it; all that was flushed before, and
    /// some of what was not.
    /// </summary>
    /// <param name="wants">Whether to make a point of the number.</param>
    public IEnumerable<(string What, FolderState State)> Points(Random random, Func<bool> wants)
    {
        var (now, durable) = (Before.Clone(), Before.Clone());
        var pending = new List<FileOperation>();
        foreach (var (index, operation) in Operations.Index())
        {
            if (operation.Changes && wants())
                yield return ($"before operation {index} ({operation})", now);
            if (operation.Work == FileWork.Write && wants())
                yield return ($"in operation {index} ({operation})", Torn(now, operation, random));
            if (operation.Work == FileWork.Flush && pending.Count > 1 && wants())
                yield return ($"in operation {index} ({operation}), with losses", Lossy(durable, pending, random));
            now.Apply(operation);
            if (operation.Work == FileWork.Flush)
                Settle(durable, pending, operation.Path);
            else if (operation.Changes)
                pending.Add(operation);
        }
    }

    private static FolderState Torn(FolderState now, FileOperation operation, Random random)
    {
        var state = now.Clone();
        state.Tear(operation, random);
        return state;
    }

    private static FolderState Lossy(FolderState durable, List<FileOperation> pending, Random random)
    {
        var state = durable.Clone();
        foreach (var operation in pending)
        {
            if (operation.IsDurable || operation.Work is FileWork.Resize or FileWork.Create || random.Next(2) == 0)
                state.Apply(operation);
        }

        return state;
    }

    private static void Settle(FolderState durable, List<FileOperation> pending, string path)
    {
        foreach (var operation in pending.Where(operation => operation.Path == path))
            durable.Apply(operation);
        pending.RemoveAll(operation => operation.Path == path);
    }
}
