// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins.Block.Vvfat.Folder;
using BlockHost.Posix;

namespace BlockHost.Plugins.Block.Vvfat.Writing;

/// <summary>
/// Does the steps of a plan. Each can be done again: after a crash all of them are. Nothing in the folder is ever overwritten.
/// Blocking.
/// </summary>
internal sealed class FolderChanger(FileDescriptor root, JournalFolder journal)
{
    private const uint FolderMode = 0b111_111_111;

    private readonly HashSet<string> _touched = new(StringComparer.Ordinal);

    /// <exception cref="BlockException">Something in the folder is in the way: the plan stays to be done.</exception>
    public void Carry(PlanRecord plan)
    {
        foreach (var step in plan.Steps.Where(step => step.Kind != StepKind.Delete))
        {
            journal.BeforeStep?.Invoke($"{step.Kind} {step.Path}");
            Do(step);
        }

        SyncTouched();
        journal.Write(JournalFolder.StateName, plan.Result, JournalJson.Default.StateRecord);
        foreach (var step in plan.Steps.Where(step => step.Kind == StepKind.Delete))
            journal.Remove(step.File);
        journal.Remove(JournalFolder.PlanName);
    }

    /// <summary>Before a plan is made certain: is the folder as it is taken to be?</summary>
    /// <exception cref="BlockException">Somebody else has changed what the guest has changed.</exception>
    public void Check(PlanRecord plan)
    {
        var leaving = plan.Steps.Where(step => step.Kind is StepKind.TakeOut or StepKind.RemoveFolder)
            .Select(step => step.Path).ToHashSet(StringComparer.Ordinal);
        var needed = plan.Steps.Where(step => step.Kind == StepKind.PutIn)
            .Select(step => step.File).ToHashSet(StringComparer.Ordinal);
        foreach (var step in plan.Steps)
        {
            var there = StatusOf(step.Path);
            var isInTheWay = step.Kind switch
            {
                // What is to go and has gone already is no matter.
                StepKind.TakeOut => there is { } found
                    ? FileIdentity.Of(found).WithoutChanged() != step.Identity
                    : needed.Contains(step.File),
                StepKind.MakeFolder => there is { Type: not FileType.Directory } && !leaving.Contains(step.Path),
                StepKind.PutIn => there is not null && !leaving.Contains(step.Path),
                _ => false,
            };
            if (isInTheWay)
                throw InTheWay(step.Path);
        }
    }

    private void Do(PlanStep step)
    {
        switch (step.Kind)
        {
            case StepKind.TakeOut:
                TakeOut(step);
                break;
            case StepKind.RemoveFolder:
                // Where others have put something into it, it stays.
                _ = InParent(step.Path, (parent, name) => FolderCalls.Remove(parent, name, isFolder: true));
                break;
            case StepKind.MakeFolder:
                var made = InParent(step.Path, (parent, name) => FolderCalls.MakeFolder(parent, name, FolderMode));
                if (made == Errno.EEXIST && StatusOf(step.Path) is { Type: FileType.Directory })
                    break;
                Require(made, step.Path);
                break;
            default:
                if (journal.Has(step.File))
                    PutIn(step);
                break;
        }
    }

    private void TakeOut(PlanStep step)
    {
        var isThere = StatusOf(step.Path) is { } there && FileIdentity.Of(there).WithoutChanged() == step.Identity;
        if (isThere && !journal.Has(step.File))
            Require(InParent(step.Path, (parent, name) => FolderCalls.Move(parent, name, journal.Folder, step.File)), step.Path);
    }

    private void PutIn(PlanStep step) =>
        Require(InParent(step.Path, (parent, name) => FolderCalls.Move(journal.Folder, step.File, parent, name)), step.Path);

    private FileStatus? StatusOf(string path)
    {
        if (path.Length == 0)
            return null;
        var (folder, name) = Split(path);
        using var parent = OpenFolder(folder);
        return parent is null ? null : FolderCalls.TryStatus(parent, name);
    }

    /// <returns>0, or the errno.</returns>
    private int InParent(string path, Func<FileDescriptor, string, int> change)
    {
        var (folder, name) = Split(path);
        using var parent = OpenFolder(folder);
        if (parent is null)
            return Errno.ENOENT;
        _touched.Add(folder);
        return change(parent, name);
    }

    /// <summary>Through no links: what the guest names lies in the folder.</summary>
    private FileDescriptor? OpenFolder(string path) =>
        FolderCalls.TryOpen(root, path, OpenFlags.ReadOnly | OpenFlags.Directory, 0, followLinks: false, out _);

    private void SyncTouched()
    {
        JournalFolder.Sync(journal.Folder);
        foreach (var path in _touched)
        {
            using var folder = OpenFolder(path);
            if (folder is not null)
                JournalFolder.Sync(folder);
        }

        _touched.Clear();
    }

    private static (string Folder, string Name) Split(string path) =>
        path.LastIndexOf('/') is var slash and >= 0 ? (path[..slash], path[(slash + 1)..]) : ("", path);

    private static void Require(int errno, string path)
    {
        if (errno is Errno.EEXIST or Errno.ENOENT)
            throw InTheWay(path);
        if (errno != 0)
            throw SystemError.Exception($"Could not change '{path}'", errno);
    }

    private static BlockException InTheWay(string path) => new(
        BlockErrorKind.Busy, $"'{path}' was changed in the folder and by the guest");
}
