// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Plugins.Filter.Blkdebug.Configuration;
using BlockHost.Plugins.Filter.Blkdebug.Rules;

namespace BlockHost.Plugins.Filter.Blkdebug;

/// <summary>The driver "blkdebug": an image whose requests fail or stop where the rules want it.</summary>
internal sealed class BlkdebugDriver : BlockDriver<BlkdebugOptions>
{
    private const string Prefix = "blkdebug";

    public override string FormatName => "blkdebug";

    public override BlockDriverKind Kind => BlockDriverKind.Filter;

    public override IReadOnlyList<string> FileNamePrefixes => [Prefix];

    public override IReadOnlyList<string> StrongOptions =>
    [
        "config", "align", "max-transfer", "opt-write-zero", "max-write-zero", "opt-discard", "max-discard",
        RuleText.InjectError, RuleText.SetState, "take-child-perms", "unshare-child-perms",
    ];

    protected override JsonTypeInfo<BlkdebugOptions> TypedOptionsType => BlkdebugJson.Default.BlkdebugOptions;

    /// <summary>blkdebug:CONFIG:IMAGE, where CONFIG may be empty.</summary>
    public override bool TryParseFileName(string fileName, [NotNullWhen(true)] out JsonElement? options)
    {
        var rest = fileName[(Prefix.Length + 1)..];
        var end = rest.IndexOf(':', StringComparison.Ordinal);
        if (end < 0)
            throw RuleText.Wrong("blkdebug requires both config file and image path");
        var parsed = new JsonObject { ["image"] = new JsonObject { ["filename"] = rest[(end + 1)..] } };
        if (end > 0)
            parsed["config"] = rest[..end];
        options = parsed.Deserialize(BlkdebugJson.Default.JsonElement);
        return true;
    }

    /// <summary>Rules of command lines are what they would be in a file of rules, and refused in its words.</summary>
    public override JsonElement Modernise(JsonElement options)
    {
        if (!options.TryGetProperty(RuleText.InjectError, out _) && !options.TryGetProperty(RuleText.SetState, out _))
            return options;
        var changed = JsonObject.Create(options)!;
        foreach (var group in (string[])[RuleText.InjectError, RuleText.SetState])
        {
            // Command lines number the elements of a list.
            var rules = changed[group] switch
            {
                JsonArray list => list,
                JsonObject numbered => numbered.Select(
                rule => rule.Value),
                _ => []
            };
            foreach (var rule in rules.OfType<JsonObject>())
                Check(group, rule);
        }

        return changed.Deserialize(BlkdebugJson.Default.JsonElement);
    }

    protected override async ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, BlkdebugOptions options, CancellationToken cancellationToken)
    {
        var rules = await RulesAsync(options, cancellationToken).ConfigureAwait(false);
        const BlockChildRole role = BlockChildRole.Filtered | BlockChildRole.Primary;
        var child = await context.OpenChildAsync("image", role, options.Image, cancellationToken).ConfigureAwait(false);
        var node = new BlkdebugNode(child, options, BlkdebugLimits.From(options, child.Profile.Limits.RequestAlignment), rules);
        await node.OnEventAsync(BlkdebugEvent.None, cancellationToken).ConfigureAwait(false);
        return node;
    }

    /// <summary>Those of errors, and then those of states; the file's come before the others.</summary>
    private static async ValueTask<RuleEngine> RulesAsync(BlkdebugOptions options, CancellationToken cancellationToken)
    {
        var engine = new RuleEngine();
        var file = options.Config is { } path ? await ConfigFile.ReadAsync(path, cancellationToken).ConfigureAwait(false) : [];
        foreach (var rule in file.OfType<InjectRule>().Concat((options.InjectError ?? []).Select(InjectRule.From)))
            engine.Add(rule);
        foreach (var rule in file.OfType<SetStateRule>().Concat((options.SetState ?? []).Select(SetStateRule.From)))
            engine.Add(rule);
        return engine;
    }

    private static void Check(string group, JsonObject rule)
    {
        var text = new RuleText(group);
        foreach (var (name, value) in rule)
        {
            if (value is JsonValue single)
                text.Set(
                    name,
                    single.GetValueKind() switch { JsonValueKind.True => "on", JsonValueKind.False => "off", _ => single.ToString() });
        }

        _ = text.ToRule();
        if (group == RuleText.SetState)
            rule.TryAdd("new_state", 0);
    }
}
