// SPDX-License-Identifier: MIT
using System.Text.Json;

namespace BlockHost.Block;

/// <summary>Options that cannot change while a node is open: for drivers of disks on servers, all are such.</summary>
public static class OptionChanges
{
    /// <param name="before">What the node was opened with.</param>
    /// <param name="after">What it is to be reopened with.</param>
    /// <exception cref="BlockException">An option differs, is new or is gone; QEMU's texts.</exception>
    public static void Refuse(JsonElement before, JsonElement after)
    {
        var (old, wanted) = (Flatten(before), Flatten(after));
        foreach (var (name, value) in wanted)
        {
            if (!old.TryGetValue(name, out var was) || was != value)
                throw new BlockException(BlockErrorKind.InvalidArgument, $"Cannot change the option '{name}'");
        }

        if (old.Keys.FirstOrDefault(name => !wanted.ContainsKey(name)) is { } missing)
            throw new BlockException(BlockErrorKind.InvalidArgument, $"Option '{missing}' cannot be reset to its default value");
    }

    private static SortedDictionary<string, string> Flatten(JsonElement options)
    {
        var flat = new SortedDictionary<string, string>(StringComparer.Ordinal);
        Add(options, "");
        return flat;

        void Add(JsonElement value, string name)
        {
            if (value.ValueKind != JsonValueKind.Object)
            {
                flat[name] = value.ToString();
                return;
            }

            foreach (var member in value.EnumerateObject())
                Add(member.Value, name.Length == 0 ? member.Name : $"{name}.{member.Name}");
        }
    }
}
