// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.CommandLine;
using BlockHost.Core.Block;
using BlockHost.Core.Block.Opening;
using BlockHost.Core.Images;
using BlockHost.Core.Qapi;
using BlockHost.Qmp;

namespace BlockHost.Images;

/// <summary>Opens images as command lines name them.</summary>
internal sealed class ImageOpener(IBlockGraph graph, QapiInput input, IDriverSource drivers, ImageMaker maker, IImages described)
{
    private const BlockPermissions Reads = BlockPermissions.ConsistentRead;
    private const BlockPermissions Writes = Reads | BlockPermissions.Write;

    public IBlockGraph Graph { get; } = graph;

    /// <summary>Makes what is to be opened.</summary>
    public ImageMaker Maker { get; } = maker;

    /// <summary>What is to be said of what is open.</summary>
    public IImages Described { get; } = described;

    public ValueTask<OpenImage> OpenAsync(ImageSource source, OpenMode mode, CancellationToken cancellationToken) =>
        mode.Overlay
            ? TemporaryOverlay.OpenAsync(this, source, mode with { Overlay = false }, cancellationToken)
            : OpenOwnAsync(source, mode, cancellationToken);

    private async ValueTask<OpenImage> OpenOwnAsync(ImageSource source, OpenMode mode, CancellationToken cancellationToken)
    {
        var options = source.IsOptions
            ? await ImageOptions.ParseAsync(this, input, source, cancellationToken)
            : await OptionsOfNameAsync(source, cancellationToken);
        options = BuildOptions(source, options, mode);
        if (mode.CopyOnRead)
            options = CopyOnRead(options, mode);
        try
        {
            var backend = await Graph.OpenAsync(BlockdevRef.New(options), BackendOptions(mode), cancellationToken);
            var isGuessedRaw = mode.Writable && backend.Node.Driver.IsPlain && !NamesFormat(source);
            return new OpenImage(Graph, backend, source.Name) { IsGuessedRaw = isGuessedRaw };
        }
        catch (BlockException e) when (e.Parameter is not null && FileNameJson(source) is { } json)
        {
            throw await ImageOptions.TranslateAsync(this, e, json, cancellationToken);
        }
    }

    /// <summary>
    /// The options that a name of a protocol stands for, where that protocol is given as the format; else nothing.
    /// </summary>
    private async ValueTask<JsonElement> OptionsOfNameAsync(ImageSource source, CancellationToken cancellationToken)
    {
        if (source.Format is not { } format || FileNames.Protocol(source.Name) is not { } prefix || prefix is "json"
            || drivers.FindByPrefix(prefix) != format)
            return default;
        var driver = await Graph.FindDriverAsync(format, cancellationToken);
        return driver is { Kind: BlockDriverKind.Protocol } && driver.TryParseFileName(source.Name, out var options)
            ? options.Value
            : default;
    }

    private static bool NamesFormat(ImageSource source) =>
        source.Format is not null
        || (source.IsOptions && ImageOptionText.Parse(source.Name).ContainsKey("driver"))
        || (FileNameJson(source) is { ValueKind: JsonValueKind.Object } json && json.TryGetProperty("driver", out _));

    private static JsonElement? FileNameJson(ImageSource source)
    {
        const string prefix = "json:";
        if (source.IsOptions || !source.Name.StartsWith(prefix, StringComparison.Ordinal))
            return null;
        using var document = JsonDocument.Parse(source.Name.AsMemory(prefix.Length), QmpJson.Reading);
        return document.RootElement.Clone();
    }

    /// <summary>Gives an open image new options.</summary>
    /// <returns>What to use from now on; the argument is gone.</returns>
    public async ValueTask<OpenImage> ReopenAsync(OpenImage image, ImageReopening change, CancellationToken cancellationToken)
    {
        change.Check();
        var options = await change.MergeAsync(this, input, image.Node, cancellationToken);
        var reader = new BlockPermissionSet(Reads, BlockPermissions.All);
        if (change.Writable == false)
            await image.Backend.ChangePermissionsAsync(reader, cancellationToken);
        await Graph.ReopenAsync([options], cancellationToken);
        var backend = new BackendOptions
        {
            Permissions = image.Node.ReadOnly ? reader : new(Writes, BlockPermissions.All),
            WriteThrough = change.Cache?.WriteThrough ?? image.Backend.WriteThrough,
        };
        var reopened = new OpenImage(Graph, await Graph.CreateBackendAsync(image.Node, backend, cancellationToken), image.Name);
        await image.DisposeAsync();
        return reopened;
    }

    /// <summary>The driver that would store a file of that name.</summary>
    /// <exception cref="ToolException">Nobody provides the protocol.</exception>
    public async ValueTask<BlockDriver> ProtocolOfAsync(string fileName, CancellationToken cancellationToken)
    {
        var prefix = FileNames.Protocol(fileName);
        var name = prefix is null ? await DriverOfPathAsync(fileName, cancellationToken) : drivers.FindByPrefix(prefix) ?? prefix;
        return await Graph.FindDriverAsync(name, cancellationToken)
            ?? throw new ToolException($"Unknown protocol '{name}'");
    }

    /// <summary>The driver that stores what a plain path leads to.</summary>
    public ValueTask<string> DriverOfPathAsync(string path, CancellationToken cancellationToken) =>
        PathStorage.DriverOfAsync(drivers, path, cancellationToken);

    private static BackendOptions BackendOptions(OpenMode mode)
    {
        var needed = mode.MetadataOnly || mode.Idle ? BlockPermissions.None : mode.Writable ? Writes : Reads;
        if (mode.Resizes)
            needed |= BlockPermissions.Resize;
        var shared = mode.RefusesWriters
            ? BlockPermissions.All & ~(BlockPermissions.Write | BlockPermissions.Resize)
            : BlockPermissions.All;
        return new()
        {
            Permissions = new(needed, shared),
            WriteThrough = mode.Cache.WriteThrough,
            AllowFileNames = true,
            AllowProbing = true,
            NoBacking = mode.NoBacking,
            NoIo = mode.MetadataOnly,
            ForRepair = mode.ForRepair,
            Aio = mode.Aio,
        };
    }

    /// <summary>BlockdevOptions with what a command line may leave out: the driver, and the layers under a file name.</summary>
    private static JsonElement BuildOptions(
        ImageSource source, JsonElement options, OpenMode mode) => QmpJson.WriteObject(writer =>
    {
        var given = options.ValueKind == JsonValueKind.Object ? WriteGiven(writer, options, mode) : [];
        if (options.ValueKind != JsonValueKind.Object)
            writer.WriteString("filename", source.Name);
        if (source.Format is { } format)
            writer.WriteString("driver", format);
        if (mode.KeySecret is { } key)
            WriteKeySecret(writer, key.Option.Split('.'), key.Id);
        WriteMode(writer, mode, given);
    });

    /// <param name="path">"key-secret", or the objects that it is in and then itself.</param>
    private static void WriteKeySecret(Utf8JsonWriter writer, ReadOnlySpan<string> path, string id)
    {
        if (path.Length == 1)
        {
            writer.WriteString(path[0], id);
            return;
        }

        writer.WriteStartObject(path[0]);
        WriteKeySecret(writer, path[1..], id);
        writer.WriteEndObject();
    }

    /// <summary>Options that the user gave win over what the tool's other options say.</summary>
    /// <returns>Their names.</returns>
    private static HashSet<string> WriteGiven(Utf8JsonWriter writer, JsonElement options, OpenMode mode)
    {
        if (mode.Writable && options.TryGetProperty("read-only", out var readOnly) && readOnly.ValueKind == JsonValueKind.True)
            throw new BlockException(BlockErrorKind.ReadOnly, "Block node is read-only");
        var given = new HashSet<string>(StringComparer.Ordinal);
        foreach (var member in options.EnumerateObject().Where(member => member.Name != "read-only"))
        {
            member.WriteTo(writer);
            given.Add(member.Name);
        }

        return given;
    }

    /// <summary>-C: a filter over the image, opened as the image is.</summary>
    private static JsonElement CopyOnRead(JsonElement image, OpenMode mode)
    {
        if (!mode.Writable)
            throw new BlockException(BlockErrorKind.ReadOnly, "Can't use copy-on-read on read-only device");
        return QmpJson.WriteObject(writer =>
        {
            writer.WriteString("driver", "copy-on-read");
            writer.WritePropertyName("file");
            image.WriteTo(writer);
            writer.WriteString("discard", "unmap");
        });
    }

    private static void WriteMode(Utf8JsonWriter writer, OpenMode mode, HashSet<string> given)
    {
        writer.WriteBoolean("read-only", !mode.Writable);
        if (mode.ForceShare && !given.Contains("force-share"))
            writer.WriteBoolean("force-share", true);
        if ((mode.Cache.Direct || mode.Cache.NoFlush) && !given.Contains("cache"))
        {
            writer.WriteStartObject("cache");
            writer.WriteBoolean("direct", mode.Cache.Direct);
            writer.WriteBoolean("no-flush", mode.Cache.NoFlush);
            writer.WriteEndObject();
        }

        if (mode.Discard is { } discard && !given.Contains("discard"))
            writer.WriteString("discard", discard);
        if (mode.DetectZeroes is { } detect && !given.Contains("detect-zeroes"))
            writer.WriteString("detect-zeroes", detect);
    }
}
