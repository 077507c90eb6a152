// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.CommandLine;
using BlockHost.Core.Qapi;
using BlockHost.Qmp;

namespace BlockHost.Images;

/// <summary>New options for an open image; what is not named stays as it is.</summary>
internal sealed record ImageReopening
{
    public required Dictionary<string, string> Options { get; init; }

    public CacheMode? Cache { get; init; }

    /// <summary>Null: as it is, or as <see cref="Options"/> say.</summary>
    public bool? Writable { get; init; }

    /// <exception cref="ToolException">An option is given in two ways.</exception>
    public void Check()
    {
        if (Writable is not null && Options.ContainsKey("read-only"))
            throw new ToolException("Cannot set both -r/-w and 'read-only'");
        if (Cache is not null && Options.Keys.Any(key => key is "cache.direct" or "cache.no-flush"))
            throw new ToolException("Cannot set both -c and the cache options");
    }

    /// <summary>The node's present options with the new ones in place of the old.</summary>
    /// <exception cref="BlockException">An option is unknown or cannot be changed, or its value is wrong.</exception>
    public async ValueTask<JsonElement> MergeAsync(
        ImageOpener images, QapiInput input, IGraphNode node, CancellationToken cancellationToken)
    {
        var typed = await TypeAsync(images, input, node, cancellationToken);
        return QmpJson.WriteObject(writer =>
        {
            foreach (var member in node.Options.EnumerateObject().Where(
                member => !typed.TryGetProperty(member.Name, out _) && !IsSet(member.Name)))
                member.WriteTo(writer);
            foreach (var member in typed.EnumerateObject().Where(member => !IsSet(member.Name)))
                member.WriteTo(writer);
            WriteSet(writer, node, typed);
        });
    }

    private static bool IsSet(string member) => member is "read-only" or "cache" or "backing";

    /// <summary>The new options alone, in their types.</summary>
    private async ValueTask<JsonElement> TypeAsync(
        ImageOpener images, QapiInput input, IGraphNode node, CancellationToken cancellationToken)
    {
        CheckChangeable(node);
        if (Options.Count == 0)
            return JsonDocument.Parse("{}").RootElement;
        var own = Options.Where(
            option =>
                option.Key != "node-name"
                    && !node.Children.Any(child => option.Key.StartsWith(child.Name + ".", StringComparison.Ordinal)));
        var options = new Dictionary<string, string>(own, StringComparer.Ordinal) { ["driver"] = node.Driver.FormatName };
        foreach (var child in node.Children.Where(child => child.Name != "backing"))
            options.TryAdd(child.Name, child.Child.Name);
        try
        {
            return Without(await ImageOptions.TypeAsync(images, input, options, cancellationToken), node);
        }
        catch (BlockException e) when (e.Parameter is { Kind: ParameterFaultKind.Unexpected })
        {
            throw CannotChange(e.Parameter.Name);
        }
    }

    private void CheckChangeable(IGraphNode node)
    {
        if (Options.TryGetValue("driver", out var driver) && driver != node.Driver.FormatName)
            throw CannotChange("driver");
        if (Options.TryGetValue("force-share", out var share) && share == "on")
            throw CannotChange("force-share");
        if (Options.Keys.FirstOrDefault(
            key =>
                key.StartsWith("cache.", StringComparison.Ordinal)
                    && key is not ("cache.direct" or "cache.no-flush")) is { } cache)
            throw CannotChange(cache);
        if (Options.TryGetValue("node-name", out var name) && name != node.Name)
            throw CannotChange("node-name");
        foreach (var (key, value) in Options)
            CheckChild(node, key, value);
        if (Options.TryGetValue("backing", out var backing) && backing.Length == 0)
            throw new BlockException(BlockErrorKind.NotFound, "Cannot find device='' nor node-name=''");
    }

    /// <summary>Options of children stay as they are: naming one again with its present value is all that can be done.</summary>
    private static void CheckChild(IGraphNode node, string key, string value)
    {
        var dot = key.IndexOf('.', StringComparison.Ordinal);
        if (dot < 0 || node.Children.FirstOrDefault(edge => edge.Name == key[..dot]) is not { } child)
            return;
        var option = key[(dot + 1)..];
        var grandchild = option.IndexOf('.', StringComparison.Ordinal);
        if (grandchild >= 0 && child.Child.Children.Any(edge => edge.Name == option[..grandchild]))
            CheckChild(child.Child, option, value);
        else if (!IsPresent(child.Child.Options, option, value))
            throw CannotChange(option);
    }

    private static bool IsPresent(JsonElement options, string option, string value)
    {
        foreach (var step in option.Split('.'))
        {
            if (options.ValueKind != JsonValueKind.Object || !options.TryGetProperty(step, out options))
                return false;
        }

        return options.ValueKind switch
        {
            JsonValueKind.True => value == "on",
            JsonValueKind.False => value == "off",
            JsonValueKind.String => value == options.GetString(),
            _ => value == options.GetRawText(),
        };
    }

    /// <summary>Without the children that were only filled in for the schema.</summary>
    private JsonElement Without(JsonElement typed, IGraphNode node) => QmpJson.WriteObject(writer =>
    {
        foreach (var member in typed.EnumerateObject().Where(
            member => Options.ContainsKey(member.Name) || !node.Children.Any(child => child.Name == member.Name)))
            member.WriteTo(writer);
    });

    private void WriteSet(Utf8JsonWriter writer, IGraphNode node, JsonElement typed)
    {
        var readOnly = typed.TryGetProperty("read-only", out var given) ? given.GetBoolean() : node.ReadOnly;
        writer.WriteBoolean("read-only", Writable is { } writable ? !writable : readOnly);
        writer.WriteStartObject("cache");
        writer.WriteBoolean("direct", Cache?.Direct ?? CacheOption(typed, "direct") ?? node.CacheDirect);
        writer.WriteBoolean("no-flush", Cache?.NoFlush ?? CacheOption(typed, "no-flush") ?? node.CacheNoFlush);
        writer.WriteEndObject();
        if (typed.TryGetProperty("backing", out var backing))
            writer.WriteString("backing", backing.GetString());
        else if (node.Backing is { } present && node.Children.Any(child => child.Name == "backing"))
            writer.WriteString("backing", present.Name);
        else if (node.RecordedBacking is not null)
            writer.WriteNull("backing");
    }

    private static bool? CacheOption(JsonElement typed, string name) =>
        typed.TryGetProperty("cache", out var cache) && cache.TryGetProperty(name, out var value) ? value.GetBoolean() : null;

    private static BlockException CannotChange(string option) =>
        new(BlockErrorKind.InvalidArgument, $"Cannot change the option '{option}'");
}
