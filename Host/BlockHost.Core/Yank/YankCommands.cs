// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization;
using BlockHost.Core.Json;
using BlockHost.Plugins;
using BlockHost.Qmp;
using BlockHost.Yank;

namespace BlockHost.Core.Yank;

/// <summary>yank and query-yank, both out of band.</summary>
public static class YankCommands
{
    public static void Register(IPluginRegistry registry, YankRegistry instances)
    {
        registry.Add(QmpCommand.CreateAction("yank", () => YankJson.Default.YankArguments, (_, arguments, _) =>
        {
            instances.Yank([.. arguments.Instances.Select(FromJson)]);
            return ValueTask.CompletedTask;
        }, QmpCommandFlags.AllowOutOfBand));
        registry.Add(QmpCommand.CreateQuery("query-yank", () => YankJson.Default.IReadOnlyListYankInstanceJson, (_, _) =>
            new ValueTask<IReadOnlyList<YankInstanceJson>>(instances.List().Select(ToJson).ToArray()),
            QmpCommandFlags.AllowOutOfBand));
    }

    private static YankInstance FromJson(YankInstanceJson instance) =>
        new(
            JsonObjects.StringMember(instance.Json, "type") ?? "",
            JsonObjects.Where(instance.Json, member => member.Name != "type"));

    private static YankInstanceJson ToJson(YankInstance instance) => new(QmpJson.WriteObject(writer =>
    {
        writer.WriteString("type", instance.Type);
        if (instance.Identity.ValueKind == JsonValueKind.Object)
            JsonObjects.CopyMembers(writer, instance.Identity);
    }));
}

internal sealed record YankArguments
{
    public required IReadOnlyList<YankInstanceJson> Instances { get; init; }
}

/// <summary>The QAPI union YankInstance: its branches come from plugins.</summary>
[JsonConverter(typeof(QapiUnionConverter<YankInstanceJson>))]
[QapiExtensible(QapiExtension.YankInstance)]
internal sealed record YankInstanceJson(JsonElement Json) : IQapiUnion<YankInstanceJson>
{
    public static YankInstanceJson From(JsonElement json) => new(json);
}

[JsonSourceGenerationOptions(MaxDepth = QmpJson.MaxDepth, PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower)]
[JsonSerializable(typeof(YankArguments))]
[JsonSerializable(typeof(IReadOnlyList<YankInstanceJson>))]
internal sealed partial class YankJson : JsonSerializerContext;
