// SPDX-License-Identifier: MIT
using System.Text.Json;

namespace BlockHost.Qmp.Tests.Support;

/// <summary>
/// Compares what two daemons say of the commands and events that both have. Branches and values that only one of them
/// has are no difference: they come with plugins. Nor are optional members that ours never sends.
/// </summary>
internal sealed class SchemaComparison(SchemaView theirs, SchemaView ours)
{
    private readonly List<string> _differences = [];
    private readonly HashSet<(string, string, bool)> _seen = [];
    private bool _isInput;

    public static List<string> Compare(SchemaView theirs, SchemaView ours)
    {
        var comparison = new SchemaComparison(theirs, ours);
        foreach (var command in theirs.Named("command").Intersect(ours.Named("command")))
        {
            comparison._isInput = true;
            comparison.Types($"{command}()", theirs[command].GetProperty("arg-type"), ours[command].GetProperty("arg-type"));
            comparison._isInput = false;
            comparison.Types($"{command}:", theirs[command].GetProperty("ret-type"), ours[command].GetProperty("ret-type"));
            comparison.Features(command, theirs[command], ours[command]);
        }

        foreach (var name in theirs.Named("event").Intersect(ours.Named("event")))
            comparison.Types($"{name}!", theirs[name].GetProperty("arg-type"), ours[name].GetProperty("arg-type"));
        return comparison._differences;
    }

    private void Types(string path, JsonElement theirName, JsonElement ourName)
    {
        var (their, our) = (theirs[theirName.GetString()!], ours[ourName.GetString()!]);
        if (!_seen.Add((theirName.GetString()!, ourName.GetString()!, _isInput)))
            return;
        if (SchemaView.Meta(their) != SchemaView.Meta(our))
        {
            _differences.Add($"{path}: {SchemaView.Meta(their)} there, {SchemaView.Meta(our)} here");
            return;
        }

        switch (SchemaView.Meta(their))
        {
            case "builtin" when theirName.GetString() != ourName.GetString():
                _differences.Add($"{path}: {theirName} there, {ourName} here");
                break;
            case "array":
                Types(path + "[]", their.GetProperty("element-type"), our.GetProperty("element-type"));
                break;
            case "object":
                Members(path, their, our);
                break;
            case "alternate":
                Alternates(path, their, our);
                break;
        }
    }

    private void Members(string path, JsonElement their, JsonElement our)
    {
        var (theirMembers, ourMembers) = (SchemaView.Parts(their, "members", "name"), SchemaView.Parts(our, "members", "name"));
        foreach (var name in theirMembers.Keys.Except(
            ourMembers.Keys).Where(name => _isInput || !theirMembers[name].TryGetProperty("default", out _)))
            _differences.Add($"{path}.{name}: only there");
        foreach (var name in ourMembers.Keys.Except(theirMembers.Keys))
            _differences.Add($"{path}.{name}: only here");
        foreach (var name in theirMembers.Keys.Intersect(ourMembers.Keys))
        {
            var isOptional = theirMembers[name].TryGetProperty("default", out _);
            if (isOptional != ourMembers[name].TryGetProperty("default", out _))
                _differences.Add($"{path}.{name}: {(isOptional ? "optional" : "required")} there");
            Features($"{path}.{name}", theirMembers[name], ourMembers[name]);
            Types($"{path}.{name}", theirMembers[name].GetProperty("type"), ourMembers[name].GetProperty("type"));
        }

        Variants(path, their, our);
    }

    private void Variants(string path, JsonElement their, JsonElement our)
    {
        var (theirTag, ourTag) = (Text(their, "tag"), Text(our, "tag"));
        if (theirTag != ourTag)
            _differences.Add($"{path}: tag '{theirTag}' there, '{ourTag}' here");
        var (theirCases, ourCases) = (SchemaView.Parts(their, "variants", "case"), SchemaView.Parts(our, "variants", "case"));
        foreach (var name in theirCases.Keys.Intersect(ourCases.Keys))
            Types($"{path}<{name}>", theirCases[name].GetProperty("type"), ourCases[name].GetProperty("type"));
    }

    private void Alternates(string path, JsonElement their, JsonElement our)
    {
        var (theirKinds, ourKinds) = (Kinds(theirs, their), Kinds(ours, our));
        if (!theirKinds.SequenceEqual(ourKinds))
            _differences.Add($"{path}: one of {string.Join('/', theirKinds)} there, {string.Join('/', ourKinds)} here");
    }

    private void Features(string path, JsonElement their, JsonElement our)
    {
        if (Names(their) is var expected && Names(our) is var actual && expected != actual)
            _differences.Add($"{path}: features '{expected}' there, '{actual}' here");

        static string Names(JsonElement entry) =>
            entry.TryGetProperty("features", out var features) ? string.Join(',', features.EnumerateArray()) : "";
    }

    private static List<string> Kinds(SchemaView schema, JsonElement alternate) =>
        [.. alternate.GetProperty("members").EnumerateArray().Select(member => schema[member.GetProperty("type").GetString()!])
            .Select(Kind).Order()];

    private static string Kind(JsonElement type) =>
        SchemaView.Meta(type) == "builtin" ? type.GetProperty("name").GetString()! : SchemaView.Meta(type);

    private static string? Text(JsonElement entry, string member) =>
        entry.TryGetProperty(member, out var value) ? value.GetString() : null;
}
