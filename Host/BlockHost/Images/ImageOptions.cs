// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using BlockHost.Block;
using BlockHost.Composition;
using BlockHost.Core.Block.Opening;
using BlockHost.Core.Qapi;
using BlockHost.Qmp;

namespace BlockHost.Images;

/// <summary>From the text of --image-opts to BlockdevOptions: completed, and typed by the drivers' schema.</summary>
internal static class ImageOptions
{
    private const string StoragePrefix = "file.";
    private const string BackingPrefix = "backing.";

    /// <exception cref="BlockException">With the text of QEMU's tools.</exception>
    public static async ValueTask<JsonElement> ParseAsync(
        ImageOpener images, QapiInput input, ImageSource source, CancellationToken cancellationToken)
    {
        var options = ImageOptionText.Parse(source.Name);
        if (source.Path is { } path)
            await AddPathAsync(images, options, path, cancellationToken);
        await AddFileDriversAsync(images, options, cancellationToken);
        await AddStorageDriversAsync(images, options, cancellationToken);
        if (!options.ContainsKey("driver") && options.Keys.All(key => key.StartsWith(StoragePrefix, StringComparison.Ordinal))
            && options.Count > 0)
            return await StorageAloneAsync(images, input, options, cancellationToken);
        if (!options.ContainsKey("driver"))
            options["driver"] = await ProbeAsync(images, options, cancellationToken);
        var backing = Take(options, key => key.StartsWith(BackingPrefix, StringComparison.Ordinal));
        return WithBacking(await TypeAsync(images, input, options, cancellationToken), backing);
    }

    /// <summary>
    /// A backing file's options need not be complete: the image's header says what is missing. So no schema looks at them before
    /// the image is open.
    /// </summary>
    private static JsonElement WithBacking(JsonElement options, Dictionary<string, string> backing)
    {
        if (backing.Count == 0)
            return options;
        var json = JsonObject.Create(options)!;
        foreach (var (key, value) in backing)
            Place(json, key, value);
        return HostJson.ToElement(json);
    }

    private static Dictionary<string, string> Take(Dictionary<string, string> options, Func<string, bool> choose)
    {
        var taken = options.Where(option => choose(option.Key)).ToDictionary(StringComparer.Ordinal);
        foreach (var key in taken.Keys)
            options.Remove(key);
        return taken;
    }

    /// <summary>Sizes in bytes: with fractions and units they are beyond the schema's integers.</summary>
    /// <exception cref="BlockException">One is none.</exception>
    private static Dictionary<string, string> WithPlainSizes(Dictionary<string, string> options)
    {
        var plain = new Dictionary<string, string>(options, StringComparer.Ordinal);
        foreach (var (key, value) in options.Where(option => LooseOptions.IsSize(option.Key)))
            plain[key] = Math.Min(
                LooseOptions.Size(value, key[(key.LastIndexOf('.') + 1)..]),
                long.MaxValue).ToString(CultureInfo.InvariantCulture);
        return plain;
    }

    /// <summary>Gives the strings the types that the drivers' schema has for them.</summary>
    public static async ValueTask<JsonElement> TypeAsync(
        ImageOpener images, QapiInput input, Dictionary<string, string> options, CancellationToken cancellationToken)
    {
        var kinds = await KindsAsync(images, options, cancellationToken);
        options = await ModernisedAsync(images, WithPlainSizes(options), cancellationToken);
        try
        {
            return await input.ParseAsync(
                QapiExtension.BlockdevOptions, ImageOptionText.Format(options), "driver", cancellationToken);
        }
        catch (QmpException e)
        {
            throw LegacyOptionErrors.Translate(
                e, e.Parameter, options, driver => kinds.GetValueOrDefault(driver, BlockDriverKind.Format));
        }
    }

    /// <summary>Options that a driver takes on command lines only, in the form that its schema has.</summary>
    private static async ValueTask<Dictionary<string, string>> ModernisedAsync(
        ImageOpener images, Dictionary<string, string> options, CancellationToken cancellationToken)
    {
        foreach (var (key, name) in options.Where(
            option => option.Key == "driver" || option.Key.EndsWith(".driver", StringComparison.Ordinal)).ToArray())
        {
            var prefix = key[..^"driver".Length];
            var node = options.Where(option => option.Key.StartsWith(prefix, StringComparison.Ordinal))
                .ToDictionary(option => option.Key[prefix.Length..], option => option.Value, StringComparer.Ordinal);
            var driver = await images.Graph.FindDriverAsync(name, cancellationToken);
            if (driver is null)
                continue;
            var given = HostJson.ToElement(Nested(node));
            var modern = driver.Modernise(given);
            if (JsonElement.DeepEquals(given, modern))
                continue;
            options = options.Where(option => !option.Key.StartsWith(prefix, StringComparison.Ordinal))
                .ToDictionary(StringComparer.Ordinal);
            Flatten(modern, prefix, options);
        }

        return options;
    }

    private static JsonObject Nested(Dictionary<string, string> options)
    {
        var json = new JsonObject();
        foreach (var (key, value) in options)
            Place(json, key, value);
        return json;
    }

    private static void Place(JsonObject json, string key, string value)
    {
        var path = key.Split('.');
        var target = json;
        foreach (var step in path[..^1])
        {
            if (target[step] is not JsonObject below)
                target[step] = below = [];
            target = below;
        }

        target[path[^1]] = value;
    }

    private static void Flatten(JsonElement value, string path, Dictionary<string, string> options)
    {
        if (value.ValueKind != JsonValueKind.Object)
        {
            options[path.TrimEnd('.')] = value.ToString();
            return;
        }

        foreach (var member in value.EnumerateObject())
            Flatten(member.Value, $"{path}{member.Name}.", options);
    }

    /// <summary>The words of QEMU's tools for what is wrong with the options of a json: name.</summary>
    public static async ValueTask<BlockException> TranslateAsync(
        ImageOpener images, BlockException error, JsonElement json, CancellationToken cancellationToken)
    {
        var options = new Dictionary<string, string>(StringComparer.Ordinal);
        if (json.ValueKind == JsonValueKind.Object && json.TryGetProperty("driver", out var driver)
            && driver.ValueKind == JsonValueKind.String)
            options["driver"] = driver.GetString()!;
        var kinds = await KindsAsync(images, options, cancellationToken);
        return LegacyOptionErrors.Translate(
            error, error.Parameter, options, name => kinds.GetValueOrDefault(name, BlockDriverKind.Format));
    }

    /// <summary>Only the storage is named: what is in it is found when it is opened.</summary>
    private static async ValueTask<JsonElement> StorageAloneAsync(
        ImageOpener images, QapiInput input, Dictionary<string, string> options, CancellationToken cancellationToken)
    {
        var storage = options.ToDictionary(
            option => option.Key[StoragePrefix.Length..], option => option.Value, StringComparer.Ordinal);
        return HostJson.ToElement(
            new JsonObject { ["file"] = JsonObject.Create(await TypeAsync(images, input, storage, cancellationToken)) });
    }

    private static async ValueTask AddFileDriversAsync(
        ImageOpener images, Dictionary<string, string> options, CancellationToken cancellationToken)
    {
        foreach (var key in options.Keys.Where(
            key => key == "file.filename" || key.EndsWith(".file.filename", StringComparison.Ordinal)).ToArray())
        {
            var driver = key[..^"filename".Length] + "driver";
            if (!options.ContainsKey(driver))
                options[driver] = await images.DriverOfPathAsync(options[key], cancellationToken);
        }
    }

    /// <summary>Below a filter that stands in names where a protocol does ("image" of blkdebug) lies storage as well.</summary>
    private static async ValueTask AddStorageDriversAsync(
        ImageOpener images, Dictionary<string, string> options, CancellationToken cancellationToken)
    {
        foreach (var (key, fileName) in options.Where(option => option.Key.EndsWith(".filename", StringComparison.Ordinal))
            .ToArray())
        {
            var child = key[..^".filename".Length];
            if (!options.ContainsKey($"{child}.driver")
                && options.TryGetValue(child[..(child.LastIndexOf('.') + 1)] + "driver", out var parent)
                && await images.Graph.FindDriverAsync(
                    parent, cancellationToken) is { Kind: BlockDriverKind.Filter, NamesStorage: true })
                options[$"{child}.driver"] = await images.DriverOfPathAsync(fileName, cancellationToken);
        }
    }

    private static async ValueTask AddPathAsync(
        ImageOpener images, Dictionary<string, string> options, string path, CancellationToken cancellationToken)
    {
        var isProtocol = options.TryGetValue("driver", out var driver)
            && await KindAsync(images, driver, cancellationToken) == BlockDriverKind.Protocol;
        options.TryAdd(isProtocol ? "filename" : "file.filename", path);
    }

    /// <summary>The driver by looking at the image: its other options can only be read when it is known.</summary>
    private static async ValueTask<string> ProbeAsync(
        ImageOpener images, Dictionary<string, string> options, CancellationToken cancellationToken)
    {
        if (options.TryGetValue("file.filename", out var name))
        {
            await using var image = await images.OpenAsync(
                new ImageSource(name),
                new OpenMode { MetadataOnly = true, NoBacking = true, ForceShare = true },
                cancellationToken);
            return image.Node.Driver.FormatName;
        }

        throw options.TryGetValue("file", out var node)
            ? new BlockException(BlockErrorKind.NotFound, $"Cannot find device='{node}' nor node-name='{node}'")
            : new BlockException(BlockErrorKind.InvalidArgument, "Must specify either driver or file");
    }

    private static async ValueTask<Dictionary<string, BlockDriverKind>> KindsAsync(
        ImageOpener images, Dictionary<string, string> options, CancellationToken cancellationToken)
    {
        var kinds = new Dictionary<string, BlockDriverKind>(StringComparer.Ordinal);
        foreach (var (key, driver) in options)
        {
            if (key == "driver" || key.EndsWith(".driver", StringComparison.Ordinal))
                kinds[driver] = await WordedAsAsync(images, driver, cancellationToken);
        }

        return kinds;
    }

    /// <summary>Errors speak of a filter that has names of its own as of a protocol.</summary>
    private static async ValueTask<BlockDriverKind> WordedAsAsync(
        ImageOpener images, string driver, CancellationToken cancellationToken) =>
        await images.Graph.FindDriverAsync(driver, cancellationToken) is { NamesStorage: true }
            ? BlockDriverKind.Protocol
            : await KindAsync(images, driver, cancellationToken);

    private static async ValueTask<BlockDriverKind> KindAsync(
        ImageOpener images, string driver, CancellationToken cancellationToken) =>
        (await images.Graph.FindDriverAsync(
            driver,
            cancellationToken) ?? throw new BlockException(BlockErrorKind.InvalidArgument, $"Unknown driver '{driver}'")).Kind;
}
