// SPDX-License-Identifier: MIT
using System.Buffers;
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.CommandLine;
using BlockHost.Core.Qapi;
using BlockHost.Qmp;

namespace BlockHost.Images;

/// <summary>Opens images as command lines name them.</summary>
internal sealed class ImageOpener(IBlockGraph graph, QapiInput input, Func<string, string?> protocolByPrefix)
{
    private const BlockPermissions Reads = BlockPermissions.ConsistentRead;
    private const BlockPermissions Writes = Reads | BlockPermissions.Write | BlockPermissions.Resize;

    public IBlockGraph Graph { get; } = graph;

    public async ValueTask<OpenImage> OpenAsync(ImageSource source, OpenMode mode, CancellationToken cancellationToken)
    {
        var options = source.IsOptions ? await new ImageOptions(Graph, input).ParseAsync(source.Name, cancellationToken) : default;
        var namesFormat = source.IsOptions && options.TryGetProperty("driver", out _);
        options = BuildOptions(source, options, mode);
        var backend = await Graph.OpenAsync(BlockdevRef.New(options), BackendOptions(mode), cancellationToken);
        var isGuessedRaw = mode.Writable && source.Format is null && !namesFormat && backend.Node.Driver.FormatName == "raw";
        return new OpenImage(Graph, backend, source.Name) { IsGuessedRaw = isGuessedRaw };
    }

    /// <summary>The driver that would store a file of that name.</summary>
    /// <exception cref="ToolException">Nobody provides the protocol.</exception>
    public async ValueTask<BlockDriver> ProtocolOfAsync(string fileName, CancellationToken cancellationToken)
    {
        var prefix = FileNames.Protocol(fileName);
        var name = prefix is null ? StorageDriver(fileName) : protocolByPrefix(prefix) ?? prefix;
        return await Graph.FindDriverAsync(name, cancellationToken)
            ?? throw new ToolException($"Unknown protocol '{name}'");
    }

    private static string StorageDriver(string path) =>
        path.StartsWith("/dev/", StringComparison.Ordinal) && File.Exists(path) && (File.GetAttributes(path) & FileAttributes.Device) != 0 ? "host_device" : "file";

    private static BackendOptions BackendOptions(OpenMode mode)
    {
        var needed = mode.MetadataOnly || mode.Idle ? BlockPermissions.None : mode.Writable ? Writes : Reads;
        return new()
        {
            Permissions = new(needed, BlockPermissions.All),
            WriteThrough = mode.Cache.WriteThrough,
            AllowGrow = mode.AllowGrow,
            AllowFileNames = true,
            AllowProbing = true,
            NoBacking = mode.NoBacking,
            NoIo = mode.MetadataOnly,
            ForRepair = mode.ForRepair,
        };
    }

    /// <summary>BlockdevOptions with what a command line may leave out: the driver, and the layers under a file name.</summary>
    private static JsonElement BuildOptions(ImageSource source, JsonElement options, OpenMode mode)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            if (source.IsOptions)
            {
                foreach (var member in options.EnumerateObject().Where(member => member.Name is not ("read-only" or "force-share" or "cache" or "discard")))
                    member.WriteTo(writer);
            }
            else
            {
                WriteFile(writer, source, mode.Aio);
            }

            if (source.Format is { } format)
                writer.WriteString("driver", format);
            WriteMode(writer, mode);
            writer.WriteEndObject();
        }

        using var document = JsonDocument.Parse(buffer.WrittenMemory);
        return document.RootElement.Clone();
    }

    /// <summary>The image's name; with an engine of its own, the file it is stored in.</summary>
    private static void WriteFile(Utf8JsonWriter writer, ImageSource source, string? aio)
    {
        if (aio is null)
        {
            writer.WriteString("filename", source.Name);
            return;
        }

        var isStorage = source.Format is "file" or "host_device";
        if (!isStorage)
        {
            writer.WriteStartObject("file");
            writer.WriteString("driver", StorageDriver(source.Name));
        }

        writer.WriteString("filename", source.Name);
        writer.WriteString("aio", aio);
        if (!isStorage)
            writer.WriteEndObject();
    }

    private static void WriteMode(Utf8JsonWriter writer, OpenMode mode)
    {
        writer.WriteBoolean("read-only", !mode.Writable);
        if (mode.ForceShare)
            writer.WriteBoolean("force-share", true);
        if (mode.Cache.Direct || mode.Cache.NoFlush)
        {
            writer.WriteStartObject("cache");
            writer.WriteBoolean("direct", mode.Cache.Direct);
            writer.WriteBoolean("no-flush", mode.Cache.NoFlush);
            writer.WriteEndObject();
        }

        if (mode.Discard is { } discard)
            writer.WriteString("discard", discard);
        if (mode.DetectZeroes is { } detect)
            writer.WriteString("detect-zeroes", detect);
    }
}
