// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Qmp.Tests.Support;

namespace BlockHost.Qmp.Tests;

public class SchemaTests
{
    private static readonly string[] MetaTypes = ["builtin", "enum", "array", "object", "alternate", "command", "event"];

    [Fact]
    public async Task Every_type_that_is_referred_to_exists_once()
    {
        var schema = await SchemaAsync();
        var names = schema.Select(Name).ToList();

        Assert.Equal(names.Count, names.Distinct().Count());
        Assert.All(schema, entry => Assert.Contains(entry.GetProperty("meta-type").GetString(), MetaTypes));
        Assert.All(schema.SelectMany(References), reference => Assert.Contains(reference, names));
    }

    [Fact]
    public async Task Types_are_numbered_and_built_in_ones_named()
    {
        var schema = await SchemaAsync();

        Assert.All(schema, entry => Assert.Matches(entry.GetProperty("meta-type").GetString() switch
        {
            "command" or "event" => "^[a-zA-Z_-]+$",
            "builtin" => "^(str|int|bool|number|null|any)$",
            "array" => @"^\[([0-9]+|str|int|bool|number|any)\]$",
            _ => "^[0-9]+$",
        }, Name(entry)));
    }

    [Fact]
    public async Task A_command_without_arguments_and_answer_has_the_empty_object_for_both()
    {
        var schema = await SchemaAsync();
        var quit = Find(schema, "quit");

        Assert.Equal(quit.GetProperty("arg-type").GetString(), quit.GetProperty("ret-type").GetString());
        Assert.Equal(0, Find(schema, quit.GetProperty("arg-type").GetString()!).GetProperty("members").GetArrayLength());
    }

    [Fact]
    public async Task Optional_members_have_a_null_default_and_required_ones_none()
    {
        var schema = await SchemaAsync();
        var resize = Find(schema, Find(schema, "block_resize").GetProperty("arg-type").GetString()!);

        Assert.Equal(JsonValueKind.Null, Member(resize, "node-name").GetProperty("default").ValueKind);
        Assert.False(Member(resize, "size").TryGetProperty("default", out _));
        Assert.Equal("int", Member(resize, "size").GetProperty("type").GetString());
    }

    [Fact]
    public async Task A_union_lists_the_branches_that_are_provided()
    {
        var schema = await SchemaAsync();
        var options = Find(schema, Find(schema, "blockdev-add").GetProperty("arg-type").GetString()!);

        Assert.Equal("driver", options.GetProperty("tag").GetString());
        Assert.Equal(
            ["file", "nbd", "null-co", "qcow2", "quorum"],
            options.GetProperty("variants").EnumerateArray().Select(variant => variant.GetProperty("case").GetString()));
        var qcow2 = Find(schema, options.GetProperty("variants")[3].GetProperty("type").GetString()!);
        var reference = Find(schema, Member(qcow2, "file").GetProperty("type").GetString()!);
        Assert.Equal("alternate", reference.GetProperty("meta-type").GetString());
        Assert.Contains(
            Name(options),
            reference.GetProperty("members").EnumerateArray().Select(member => member.GetProperty("type").GetString()));
    }

    [Fact]
    public async Task Out_of_band_commands_say_so_and_hidden_ones_are_not_shown()
    {
        var schema = await SchemaAsync();

        Assert.True(Find(schema, "oob").GetProperty("allow-oob").GetBoolean());
        Assert.False(Find(schema, "echo").TryGetProperty("allow-oob", out _));
        Assert.DoesNotContain(schema, entry => Name(entry) == "hidden");
    }

    [Fact]
    public async Task The_schema_describes_itself()
    {
        var schema = await SchemaAsync();
        var returned = Find(schema, Find(schema, "query-qmp-schema").GetProperty("ret-type").GetString()!);
        var info = Find(schema, returned.GetProperty("element-type").GetString()!);

        Assert.Equal("meta-type", info.GetProperty("tag").GetString());
        Assert.Equal(
            MetaTypes.Order(),
            info.GetProperty("variants").EnumerateArray().Select(variant => variant.GetProperty("case").GetString()!).Order());
    }

    [Fact]
    public async Task Commands_are_listed_by_name()
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = await daemon.NegotiateAsync();

        var names = JsonDocument.Parse((await client.AskAsync("""{"execute":"query-commands"}"""))!).RootElement
            .GetProperty("return").EnumerateArray().Select(Name).ToList();

        Assert.Contains("query-commands", names);
        Assert.Contains("qmp_capabilities", names);
        Assert.DoesNotContain("hidden", names);
    }

    private static async Task<List<JsonElement>> SchemaAsync()
    {
        await using var daemon = await TestDaemon.StartAsync();
        using var client = await daemon.NegotiateAsync();
        var answer = await client.AskAsync("""{"execute":"query-qmp-schema"}""");
        return [.. JsonDocument.Parse(answer!).RootElement.GetProperty("return").EnumerateArray()];
    }

    private static string Name(JsonElement entry) => entry.GetProperty("name").GetString()!;

    private static JsonElement Find(List<JsonElement> schema, string name) => schema.Single(entry => Name(entry) == name);

    private static JsonElement Member(JsonElement type, string name) =>
        type.GetProperty("members").EnumerateArray().Single(member => Name(member) == name);

    private static IEnumerable<string> References(JsonElement entry)
    {
        foreach (var property in entry.EnumerateObject())
        {
            if (property.Name is "arg-type" or "ret-type" or "element-type")
                yield return property.Value.GetString()!;
            if (property.Name is not ("members" or "variants"))
                continue;
            foreach (var part in property.Value.EnumerateArray())
            {
                if (part.TryGetProperty("type", out var type))
                    yield return type.GetString()!;
            }
        }
    }
}
