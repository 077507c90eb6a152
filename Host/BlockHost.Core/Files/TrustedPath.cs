// SPDX-License-Identifier: MIT
namespace BlockHost.Core.Files;

/// <summary>
/// Finds out whether somebody else could put another file where code is loaded from: every folder on the way, through
/// every symbolic link, is owned by somebody trusted and writable by nobody else.
/// <code>
///   /opt/plugins ─link─► /srv/v2/plugins          checked: /  /opt  the link  /srv  /srv/v2  /srv/v2/plugins
/// </code>
/// Trusted are root, the user of this process, and who owns the program's folder or one above it: they can put another
/// program in this one's place anyway.
/// </summary>
public sealed class TrustedPath
{
    private const int MostLinks = 40;

    private readonly HashSet<uint> _owners;

    public TrustedPath()
        : this([0, FileFacts.CurrentUser, .. OwnersAlong(AppContext.BaseDirectory)])
    {
    }

    /// <param name="owners">The users who are trusted.</param>
    public TrustedPath(IEnumerable<uint> owners) => _owners = [.. owners];

    /// <summary>Follows a path to the file or folder that it stands for.</summary>
    /// <param name="path">Absolute.</param>
    /// <returns>
    /// The path without links (as far as it exists), and who could change what is found there: "the folder /x can be
    /// written by other users (mode 0777)". Null: nobody else.
    /// </returns>
    public (string RealPath, string? Objection) Follow(string path)
    {
        var left = new Stack<string>(Parts(path).Reverse());
        var (at, links) = ("/", 0);
        var objection = Objection(at, FileFacts.Of(at, followLink: false), isEnd: left.Count == 0);
        while (left.TryPop(out var part))
        {
            var next = part == ".." ? Path.GetDirectoryName(at) ?? "/" : Path.Combine(at, part);
            var facts = FileFacts.Of(next, followLink: false);
            objection ??= Objection(next, facts, isEnd: left.Count == 0);
            if (facts is not { IsLink: true } || new FileInfo(next).LinkTarget is not { } target)
            {
                at = next;
                continue;
            }

            if (++links > MostLinks)
                return (next, objection ?? $"{next} is one of too many symbolic links");
            foreach (var more in Parts(target).Reverse())
                left.Push(more);
            at = Path.IsPathRooted(target) ? "/" : at;
        }

        return (at, objection);
    }

    /// <summary>As <see cref="Follow"/>, for everything in a folder, whose own path has been followed.</summary>
    public string? ObjectionIn(string folder) =>
        Directory.EnumerateFileSystemEntries(
            folder, "*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.None })
            .Select(ObjectionTo).FirstOrDefault(objection => objection is not null);

    private static IEnumerable<uint> OwnersAlong(string path)
    {
        for (var folder = new DirectoryInfo(path); folder is not null; folder = folder.Parent)
        {
            if (FileFacts.Of(folder.FullName, followLink: true) is { } facts)
                yield return facts.Owner;
        }
    }

    private static string[] Parts(string path) =>
        [.. path.Split('/', StringSplitOptions.RemoveEmptyEntries).Where(part => part != ".")];

    private string? ObjectionTo(string entry) =>
        FileFacts.Of(entry, followLink: false) is { IsLink: false } facts
            ? Objection(entry, facts, isEnd: true)
            : Follow(entry).Objection;

    private string? Objection(string path, FileFacts? found, bool isEnd)
    {
        if (found is not { } facts)
            return null;
        var what = facts.IsFolder ? "the folder" : facts.IsLink ? "the link" : "the file";
        if (!_owners.Contains(facts.Owner))
            return $"{what} {path} belongs to another user (number {facts.Owner})";
        // In a sticky folder on the way the next part is safe, as its owner is looked at; what lies in it is not.
        if (facts.IsLink || (facts.IsSticky && facts.IsFolder && !isEnd))
            return null;
        var isOpen = facts.OthersCanWrite || (facts.GroupCanWrite && !PrivateGroups.IsPrivate(facts.Group, _owners));
        return isOpen ? $"{what} {path} can be written by other users (mode {facts.Permissions})" : null;
    }
}
