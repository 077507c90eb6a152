// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Core.Block.Opening;
using BlockHost.Core.Json;
using BlockHost.Qmp;

namespace BlockHost.Core.Block;

/// <summary>
/// The name that opens a node again. A protocol node, and some a filter, has its own; a format has its storage's, as long as
/// opening that file in that format gives just this node; else it is "json:" with the options that matter.
/// </summary>
internal static class NodeFileNames
{
    public static string Of(GraphNode node)
    {
        node = Shown(node);
        return Plain(node) ?? $"json:{QemuJsonText.Of(Json(node))}";
    }

    /// <summary>A filter of a job's is not there as far as names go.</summary>
    private static GraphNode Shown(GraphNode node)
    {
        while (node.IsImplicit && node.PrimaryLink is { } below)
            node = below.Child;
        return node;
    }

    private static string? Plain(GraphNode node)
    {
        if (!node.IsOpen)
            return null;
        if (node.Driver.Kind != BlockDriverKind.Format)
            return node.Node.FileName;
        if (HasStrongOptions(node) || node.PrimaryLink is not { } storage)
            return null;
        return storage.Child.Driver.NamesStorage ? Plain(storage.Child) : null;
    }

    private static bool HasStrongOptions(GraphNode node)
    {
        foreach (var member in node.DriverOptions.EnumerateObject())
        {
            if (node.Driver.StrongOptions.Contains(member.Name))
                return true;
        }

        if (StrongMembers(node).Any())
            return true;

        // As QEMU: a data file given in place of the recorded one does not show.
        return node.BackingOverridden;
    }

    private static JsonElement Json(GraphNode node) => QmpJson.WriteObject(writer =>
    {
        writer.WriteString("driver", node.Driver.FormatName);
        foreach (var member in node.DriverOptions.EnumerateObject())
        {
            if (!IsStrong(node, member.Name))
                continue;
            // As it was given: a number may have been a text.
            WriteFlat(
                writer, member.Name, node.ExplicitOptions.TryGetProperty(member.Name, out var given) ? given : member.Value);
        }

        foreach (var (name, value) in StrongMembers(node))
        {
            writer.WritePropertyName(name);
            value.WriteTo(writer);
        }

        foreach (var option in node.ChildLinks.Where(link => IsShown(node, link)).GroupBy(link => link.Option))
        {
            writer.WritePropertyName(option.Key);
            WriteChildren(writer, [.. option]);
        }

        if (node.BackingOverridden && node.BackingLink is null)
            writer.WriteNull("backing");
    });

    /// <summary>Those of an option's members that matter, "encrypt.key-secret", where the rest of the option does not.</summary>
    private static IEnumerable<(string Name, JsonElement Value)> StrongMembers(GraphNode node)
    {
        foreach (var option in node.Driver.StrongOptions.Where(option => option.Contains('.', StringComparison.Ordinal)))
        {
            if (Member(node.ExplicitOptions, option.Split('.')) is { } value)
                yield return (option, value);
        }
    }

    /// <summary>Command lines may have brought it as one option, "encrypt-key-secret".</summary>
    private static JsonElement? Member(JsonElement options, string[] path)
    {
        if (options.TryGetProperty(string.Join('-', path), out var flat))
            return flat;
        foreach (var step in path)
        {
            if (options.ValueKind != JsonValueKind.Object || !options.TryGetProperty(step, out options))
                return null;
        }

        return options;
    }

    private static bool IsShown(GraphNode node, ChildLink link) =>
        !link.IsRecorded && (link != node.BackingLink || node.BackingOverridden || node.Driver.Kind != BlockDriverKind.Format);

    private static void WriteChildren(Utf8JsonWriter writer, IReadOnlyList<ChildLink> links)
    {
        if (links[0].IsInList)
            writer.WriteStartArray();
        foreach (var link in links)
            Json(Shown(link.Child)).WriteTo(writer);
        if (links[0].IsInList)
            writer.WriteEndArray();
    }

    private static void WriteFlat(Utf8JsonWriter writer, string name, JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.Array)
        {
            var index = 0;
            foreach (var element in value.EnumerateArray())
                WriteFlat(writer, $"{name}.{index++}", element);
            return;
        }

        if (value.ValueKind != JsonValueKind.Object)
        {
            writer.WritePropertyName(name);
            value.WriteTo(writer);
            return;
        }

        foreach (var member in value.EnumerateObject())
            WriteFlat(writer, $"{name}.{member.Name}", member.Value);
    }

    // Protocol drivers that name no strong options are told apart by all they were given.
    private static bool IsStrong(GraphNode node, string option)
    {
        if (node.ChildLinks.Any(link => link.Option == option) || option == "backing")
            return false;
        return node.Driver.StrongOptions.Contains(option)
            || (node.Driver.Kind == BlockDriverKind.Protocol && node.Driver.StrongOptions.Count == 0);
    }
}
