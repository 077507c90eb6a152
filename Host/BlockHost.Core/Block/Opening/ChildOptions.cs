// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Qmp;

namespace BlockHost.Core.Block.Opening;

/// <summary>
/// Where a child stands in its parent's options: in the member of its name, or in a list, at its place among the list's children.
/// </summary>
internal static class ChildOptions
{
    /// <summary>What is given for a child; <see cref="JsonValueKind.Undefined"/>: nothing.</summary>
    public static JsonElement Of(JsonElement options, GraphNode parent, ChildLink link)
    {
        if (!options.TryGetProperty(link.Option, out var given) || !link.IsInList)
            return given;
        var place = InList(parent, link.Option).TakeWhile(other => other != link).Count();
        return given.ValueKind == JsonValueKind.Array && place < given.GetArrayLength() ? given[place] : default;
    }

    public static IEnumerable<ChildLink> InList(GraphNode parent, string option) =>
        parent.ChildLinks.Where(link => link.IsInList && link.Option == option);

    /// <summary>The options with another list of children.</summary>
    public static JsonElement WithList(
        JsonElement options,
        string option,
        Func<IEnumerable<JsonElement>, IEnumerable<JsonElement>> change) => QmpJson.WriteObject(writer =>
    {
        foreach (var member in options.EnumerateObject())
        {
            if (member.Name != option || member.Value.ValueKind != JsonValueKind.Array)
            {
                member.WriteTo(writer);
                continue;
            }

            writer.WriteStartArray(option);
            foreach (var item in change(member.Value.EnumerateArray()))
                item.WriteTo(writer);
            writer.WriteEndArray();
        }
    });

    /// <summary>
    /// A list as command lines and json: names may write it, by the places of its items:
    /// <code>
    ///   children.0.driver=file,children.0.filename=a,children.1=node
    ///   "children": {"0": {"driver": "file", "filename": "a"}, "1": "node"}
    /// </code>
    /// </summary>
    /// <exception cref="BlockException">A place is left out.</exception>
    public static IReadOnlyList<JsonElement> ListOf(JsonElement places, string name)
    {
        var items = new List<JsonElement>();
        var count = places.EnumerateObject().Count();
        while (places.TryGetProperty($"{items.Count}", out var item))
            items.Add(item);
        return items.Count == count
            ? items
            : throw new BlockException(BlockErrorKind.InvalidArgument, $"Option {name} is not a valid array");
    }

    /// <exception cref="BlockException">The list has more or fewer items than the node has children.</exception>
    public static void RequireSameCount(GraphNode parent, string option, JsonElement options)
    {
        if (options.TryGetProperty(option, out var given) && given.ValueKind == JsonValueKind.Array
            && given.GetArrayLength() != InList(parent, option).Count())
            throw new BlockException(BlockErrorKind.InvalidArgument, $"Cannot change the option '{option}'");
    }
}
