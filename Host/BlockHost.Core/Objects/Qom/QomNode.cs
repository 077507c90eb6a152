// SPDX-License-Identifier: MIT
using BlockHost.Core.Chardevs;
using BlockHost.Qmp;

namespace BlockHost.Core.Objects.Qom;

/// <summary>An object as QEMU's object model shows it: a place in a tree of containers.</summary>
/// <param name="Path">From the root: "/objects/secret0".</param>
/// <param name="Name">The last part of the path; empty: the root.</param>
/// <param name="Type">The name of its type.</param>
/// <param name="Object">What object-add has made; null: the node is the host's own.</param>
internal sealed record QomNode(string Path, string Name, string Type, IReadOnlyList<QomNode> Children, NamedObject? Object = null)
{
    public const string Container = "container";

    /// <summary>
    /// <code>
    ///   / ─┬─ chardevs ── one for each --chardev
    ///      └─ objects ─── one for each object-add (from the first one on)
    /// </code>
    /// </summary>
    public static QomNode Root(UserObjects objects, ChardevTable chardevs)
    {
        var devices = chardevs.List().Select(device => (device.Id, device.QomType, (NamedObject?)null));
        var folders = new List<QomNode> { Folder("chardevs", devices) };
        if (objects.List() is { } made)
            folders.Add(Folder("objects", made.Select(item => (item.Id, item.Type.Name, (NamedObject?)item))));
        return new QomNode("/", "", Container, folders);
    }

    /// <summary>
    /// A path from the root ("/objects/s0"), or the end of one ("s0", "objects/s0").
    /// </summary>
    /// <exception cref="QmpException">There is no such object, or more than one.</exception>
    public QomNode Find(string path)
    {
        var parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        var starts = path.StartsWith('/') ? [this] : Everywhere();
        var found = starts.Select(start => start.Below(parts)).OfType<QomNode>().ToList();
        return found.Count switch
        {
            0 => throw new QmpException(QmpErrorClass.DeviceNotFound, $"Device '{path}' not found"),
            1 => found[0],
            _ => throw new QmpException($"Path '{path}' is ambiguous"),
        };
    }

    private static QomNode Folder(string name, IEnumerable<(string Id, string Type, NamedObject? Object)> items) =>
        new($"/{name}", name, Container,
            [.. items.Select(item => new QomNode($"/{name}/{item.Id}", item.Id, item.Type, [], item.Object))]);

    private QomNode? Below(IEnumerable<string> parts) =>
        parts.Aggregate((QomNode?)this, (node, part) => node?.Children.FirstOrDefault(child => child.Name == part));

    private IEnumerable<QomNode> Everywhere() => Children.SelectMany(child => child.Everywhere()).Prepend(this);
}
