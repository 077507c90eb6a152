// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Qmp;

namespace BlockHost.Core.Block.Opening;

/// <summary>
/// Options whose names are paths, as json: names may write them, brought into the schema's nested form:
/// <code>
///   {"driver": "qcow2", "file.driver": "file", "file.filename": "a"}
///   {"driver": "qcow2", "file": {"driver": "file", "filename": "a"}}
/// </code>
/// Where an option is given in both ways, the nested one holds.
/// </summary>
internal static class DottedOptions
{
    private const int MaxSegments = 32;

    /// <exception cref="BlockException">A name has too many parts.</exception>
    public static JsonElement Nest(JsonElement options) => QmpJson.WriteObject(writer => WriteMembers(writer, Members(options)));

    private static void WriteMembers(Utf8JsonWriter writer, IEnumerable<Option> options)
    {
        foreach (var group in options.GroupBy(option => option.Head))
        {
            writer.WritePropertyName(group.Key);
            Write(writer, [.. group.OrderBy(option => !option.IsPath)]);
        }
    }

    /// <param name="options">All that is given of one member: paths first, then the nested form.</param>
    private static void Write(Utf8JsonWriter writer, IReadOnlyList<Option> options)
    {
        if (options[^1] is { IsPath: false, Value.ValueKind: not JsonValueKind.Object } plain)
        {
            plain.Value.WriteTo(writer);
            return;
        }

        writer.WriteStartObject();
        WriteMembers(writer, options.SelectMany(option => option.IsPath ? [option.Rest] : Members(option.Value)));
        writer.WriteEndObject();
    }

    private static IEnumerable<Option> Members(JsonElement value)
    {
        // A path may lead to a value that another path goes on from; the value holds.
        if (value.ValueKind != JsonValueKind.Object)
            yield break;
        foreach (var member in value.EnumerateObject())
        {
            if (member.Name.AsSpan().Count('.') >= MaxSegments)
                throw new BlockException(
                    BlockErrorKind.InvalidArgument,
                    $"Parameter '{member.Name[..Math.Min(member.Name.Length, 64)]}…' has more than {MaxSegments} parts");
            yield return new Option(member.Name, member.Value);
        }
    }

    private readonly record struct Option(string Name, JsonElement Value)
    {
        private int Dot => Name.IndexOf('.', StringComparison.Ordinal);

        public bool IsPath => Dot >= 0;

        public string Head => IsPath ? Name[..Dot] : Name;

        public Option Rest => this with { Name = Name[(Dot + 1)..] };
    }
}
