// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Core.Block.Changes;
using BlockHost.Core.Json;
using BlockHost.Qmp;

namespace BlockHost.Core.Block.Opening;

/// <summary>
/// File names in place of options, as tools and headers give them:
/// <code>
///   json:{…}          the options themselves
///   prefix:rest       the protocol driver with that prefix
///   path              the driver that stores it: "file", or "host_device" for a device
/// </code>
/// A format whose "file" is missing gets the file name's protocol node under it; with no driver at all the format is
/// probed, where that is allowed.
/// </summary>
internal static class FileNameOptions
{
    private const string JsonPrefix = "json:";

    public static bool IsJson(string fileName) => fileName.StartsWith(JsonPrefix, StringComparison.Ordinal);

    /// <summary>Options without file names that stand for something else, and whether their format was guessed.</summary>
    public static async ValueTask<(JsonElement Options, bool IsProbed)> ExpandAsync(
        BlockGraph graph, IDriverSource drivers, JsonElement options, OpenScope scope, CancellationToken cancellationToken)
    {
        if (JsonObjects.StringMember(options, "filename") is not { } fileName)
            return await WithFormatAsync(graph, drivers, options, scope, cancellationToken).ConfigureAwait(false);
        if (IsJson(fileName))
            return await ExpandAsync(graph, drivers, FromJson(fileName, options), scope, cancellationToken).ConfigureAwait(false);

        var driver = JsonObjects.StringMember(options, "driver");
        if (driver is not null
            && await KindOfAsync(drivers, driver, cancellationToken).ConfigureAwait(false) == BlockDriverKind.Protocol)
            return (options, false);
        var protocol = await StorageOptionsAsync(drivers, fileName, options, cancellationToken).ConfigureAwait(false);
        var rest = JsonObjects.Where(options, member => member.Name is not ("filename" or "file"));
        if (driver is null && !scope.AllowProbing)
            throw new BlockException(ParameterFault.Missing("driver"));
        var isProbed = driver is null;
        driver ??= await FormatProbing.ProbeAsync(graph, drivers, protocol, scope, cancellationToken).ConfigureAwait(false);
        if (!rest.TryGetProperty("driver", out _))
            rest = JsonObjects.With(rest, "driver", driver);
        return (JsonObjects.With(rest, "file", protocol), isProbed);
    }

    /// <summary>Options of the node that the name stands for, and over them what "file" says of it.</summary>
    private static async ValueTask<JsonElement> StorageOptionsAsync(
        IDriverSource drivers, string fileName, JsonElement options, CancellationToken cancellationToken)
    {
        var named = await ProtocolOptionsAsync(drivers, fileName, cancellationToken).ConfigureAwait(false);
        if (!options.TryGetProperty("file", out var given) || given.ValueKind != JsonValueKind.Object)
            return named;
        return QmpJson.WriteObject(writer =>
        {
            JsonObjects.CopyMembers(writer, given);
            JsonObjects.CopyMembers(writer, JsonObjects.Where(named, member => !given.TryGetProperty(member.Name, out _)));
        });
    }

    /// <summary>Options of a format that only say where it is stored get the format that is found there.</summary>
    private static async ValueTask<(JsonElement Options, bool IsProbed)> WithFormatAsync(
        BlockGraph graph, IDriverSource drivers, JsonElement options, OpenScope scope, CancellationToken cancellationToken)
    {
        if (options.TryGetProperty("file", out var named) && named.ValueKind == JsonValueKind.Object
            && await IsFormatAsync(drivers, options, cancellationToken).ConfigureAwait(false))
            options = await WithPathDriverAsync(drivers, options, named, cancellationToken).ConfigureAwait(false);
        if (!scope.AllowProbing || options.TryGetProperty("driver", out _) || !options.TryGetProperty("file", out var storage)
            || storage.ValueKind != JsonValueKind.Object)
            return (options, false);
        var driver = await FormatProbing.ProbeAsync(graph, drivers, storage, scope, cancellationToken).ConfigureAwait(false);
        return (JsonObjects.With(options, "driver", driver), true);
    }

    /// <summary>Under a format lies storage; under a filter, an image of any format.</summary>
    private static async ValueTask<bool> IsFormatAsync(
        IDriverSource drivers, JsonElement options, CancellationToken cancellationToken) =>
        JsonObjects.StringMember(options, "driver") is not { } driver
            || await KindOfAsync(drivers, driver, cancellationToken).ConfigureAwait(false) == BlockDriverKind.Format;

    /// <summary>A "file" without a driver is one by its name, if it has one.</summary>
    private static async ValueTask<JsonElement> WithPathDriverAsync(
        IDriverSource drivers, JsonElement options, JsonElement file, CancellationToken cancellationToken)
    {
        if (file.TryGetProperty("driver", out _) || JsonObjects.StringMember(file, "filename") is not { } path)
            return options;
        var completed = JsonObjects.With(
            file, "driver", await PathStorage.DriverOfAsync(drivers, path, cancellationToken).ConfigureAwait(false));
        return JsonObjects.With(JsonObjects.Where(options, member => member.Name != "file"), "file", completed);
    }

    /// <summary>Options of the protocol node that a name stands for.</summary>
    public static async ValueTask<JsonElement> ProtocolOptionsAsync(
        IDriverSource drivers, string fileName, CancellationToken cancellationToken)
    {
        var prefix = ImageFileName.ProtocolOf(fileName);
        var name = prefix is null
            ? await PathStorage.DriverOfAsync(drivers, fileName, cancellationToken).ConfigureAwait(false)
            : drivers.FindByPrefix(prefix);
        if (name is null)
            throw new BlockException(BlockErrorKind.InvalidArgument, $"Unknown protocol '{prefix}'");
        using var lease = await drivers.AcquireAsync(name, $"file name '{fileName}'", cancellationToken).ConfigureAwait(false)
            ?? throw new BlockException(BlockErrorKind.InvalidArgument, $"Unknown protocol '{prefix ?? name}'");
        if (lease.Driver.TryParseFileName(fileName, out var parsed))
            return JsonObjects.With(parsed.Value, "driver", name);
        return PathOptions(name, prefix is null ? fileName : fileName[(prefix.Length + 1)..]);
    }

    /// <summary>Options without a driver, of a node that stores what is above it: the driver is found by the name.</summary>
    public static async ValueTask<JsonElement> AsStorageAsync(
        IDriverSource drivers, JsonElement options, CancellationToken cancellationToken)
    {
        if (options.TryGetProperty("driver", out _) || JsonObjects.StringMember(options, "filename") is not { } fileName
            || IsJson(fileName))
            return options;
        var named = await ProtocolOptionsAsync(drivers, fileName, cancellationToken).ConfigureAwait(false);
        return QmpJson.WriteObject(writer =>
        {
            JsonObjects.CopyMembers(writer, named);
            JsonObjects.CopyMembers(writer, JsonObjects.Where(options, member => !named.TryGetProperty(member.Name, out _)));
        });
    }

    /// <summary>Options of the node that stores a file, whatever its path looks like.</summary>
    public static async ValueTask<JsonElement> OfPathAsync(
        IDriverSource drivers, string path, CancellationToken cancellationToken) =>
        PathOptions(await PathStorage.DriverOfAsync(drivers, path, cancellationToken).ConfigureAwait(false), path);

    private static JsonElement PathOptions(string driver, string path) => QmpJson.WriteObject(writer =>
    {
        writer.WriteString("driver", driver);
        writer.WriteString("filename", path);
    });

    private static JsonElement FromJson(string fileName, JsonElement options)
    {
        var json = Parse(fileName[JsonPrefix.Length..]);
        if (json.ValueKind != JsonValueKind.Object)
            throw new BlockException(BlockErrorKind.InvalidArgument, "Invalid JSON object given");
        json = DottedOptions.Nest(json);
        // What was given beside the name wins over what the name says.
        return QmpJson.WriteObject(writer =>
        {
            foreach (var member in json.EnumerateObject())
            {
                if (!options.TryGetProperty(member.Name, out _) || member.Name == "filename")
                    member.WriteTo(writer);
            }

            foreach (var member in options.EnumerateObject())
            {
                if (member.Name != "filename")
                    member.WriteTo(writer);
            }
        });
    }

    private static JsonElement Parse(string json)
    {
        try
        {
            using var message = JsonMessageReader.Parse(json);
            return message.Root.Clone();
        }
        catch (FormatException e)
        {
            throw new BlockException(
                BlockErrorKind.InvalidArgument, $"Could not parse the JSON options: {e.Message}", innerException: e);
        }
    }

    private static async ValueTask<BlockDriverKind> KindOfAsync(
        IDriverSource drivers, string name, CancellationToken cancellationToken)
    {
        using var lease = await drivers.AcquireAsync(name, "a file name", cancellationToken).ConfigureAwait(false)
            ?? throw new BlockException(BlockErrorKind.InvalidArgument, $"Unknown driver '{name}'");
        return lease.Driver.Kind;
    }
}
