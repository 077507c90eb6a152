// SPDX-License-Identifier: MIT
using BlockHost.Core.Plugins;
using BlockHost.Objects;
using BlockHost.Plugins;

namespace BlockHost.Core.Objects.Qom;

/// <summary>Types with their parents: what is provided, and what those stand under.</summary>
internal static class QomTypes
{
    public const string Interface = "user-creatable";

    private const string Root = "object";

    /// <param name="implements">Only types under that one; null: all.</param>
    /// <param name="withAbstract">Those that only have types under them as well.</param>
    public static async ValueTask<IReadOnlyList<ObjectTypeInfo>> ListAsync(
        IPluginCatalog catalog, string? implements, bool withAbstract, CancellationToken cancellationToken)
    {
        await catalog.LoadAllAsync(cancellationToken).ConfigureAwait(false);
        var provided = catalog.Of(ProvidedKind.Object).Loaded.Select(item => item.ValueOrNull).OfType<ObjectType>().ToList();
        var concrete = provided.Select(type => new ObjectTypeInfo(type.Name) { Parent = type.Parent }).ToList();
        var all = concrete.Concat(Chardevs(catalog))
            .Append(new(QomNode.Container) { Parent = Root }).ToList();
        all.AddRange(Abstract(all));
        var shown = all.Where(type => withAbstract || type.Abstract is null);
        return [.. implements is null ? shown : shown.Where(type => IsUnder(type, implements, all, concrete))];
    }

    private static IEnumerable<ObjectTypeInfo> Chardevs(IPluginCatalog catalog) =>
        from item in catalog.Of(ProvidedKind.Chardev).Loaded
        let backend = item.ValueOrNull
        where backend is not null
        select new ObjectTypeInfo("chardev-" + backend.BackendName) { Parent = backend.QomParent };

    private static List<ObjectTypeInfo> Abstract(List<ObjectTypeInfo> concrete)
    {
        var parents = concrete.Select(type => type.Parent!).Distinct().Where(parent => parent != Root);
        return
        [
            .. parents.Select(
                parent => new ObjectTypeInfo(parent) { Abstract = true, Parent = parent == "chardev-fd" ? "chardev" : Root }),
            new(Root) { Abstract = true },
            new("interface") { Abstract = true },
            new(Interface) { Abstract = true, Parent = "interface" },
        ];
    }

    private static bool IsUnder(ObjectTypeInfo type, string ancestor, List<ObjectTypeInfo> all, List<ObjectTypeInfo> creatable)
    {
        var isCreatable = creatable.Any(other => other == type || (other.Parent == type.Name && type.Name != Root));
        if (ancestor is Interface or "interface" && isCreatable)
            return true;
        for (var at = type; at is not null; at = all.Find(other => other.Name == at.Parent))
        {
            if (at.Name == ancestor)
                return true;
        }

        return false;
    }
}
