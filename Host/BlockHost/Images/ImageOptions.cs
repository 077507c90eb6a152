// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Nodes;
using BlockHost.Block.Graph;
using BlockHost.Composition;
using BlockHost.Core.Qapi;
using BlockHost.Qmp;

namespace BlockHost.Images;

/// <summary>
/// --image-opts: BlockdevOptions as key=value,…, typed by the drivers' schema. Storage named by a file name alone is a
/// file, and a format that is not named is probed. Errors are in the words of QEMU's tools, not of its monitor.
/// </summary>
internal sealed class ImageOptions(IBlockGraph graph, QapiInput input)
{
    public async ValueTask<JsonElement> ParseAsync(string text, CancellationToken cancellationToken)
    {
        var parts = CreateOptionList.SplitCommas(text).Select(part => part.Split('=', 2)).ToList();
        if (parts is [[var reference], ..])
            throw NoSuchNode(reference);
        AddFileDrivers(parts);
        var driver = parts.Find(part => part[0] == "driver")?[1];
        if (driver is null && parts.Exists(part => part[0].StartsWith("file.", StringComparison.Ordinal)))
            return await FileAloneAsync(parts, cancellationToken);
        if (driver is not null && await graph.FindDriverAsync(driver, cancellationToken) is null)
            throw new QmpException($"Unknown driver '{driver}'");
        try
        {
            return await ParseAsync(parts, cancellationToken);
        }
        catch (QmpException e) when (InTheWordsOfTools(e.Message, driver, parts) is { } message)
        {
            throw new QmpException(QmpErrorClass.GenericError, message, e);
        }
    }

    private static QmpException NoSuchNode(string name) => new($"Cannot find device='{name}' nor node-name='{name}'");

    private static void AddFileDrivers(List<string[]> parts)
    {
        foreach (var key in parts.Select(part => part[0]).Where(key => key.EndsWith("file.filename", StringComparison.Ordinal)).ToList())
        {
            var driver = key[..^"filename".Length] + "driver";
            if (!parts.Exists(part => part[0] == driver))
                parts.Add([driver, "file"]);
        }
    }

    /// <summary>Only the storage is named: what is in it is found when it is opened.</summary>
    private async ValueTask<JsonElement> FileAloneAsync(List<string[]> parts, CancellationToken cancellationToken)
    {
        const string prefix = "file.";
        if (parts.Find(part => !part[0].StartsWith(prefix, StringComparison.Ordinal)) is [var other, ..])
            throw new QmpException($"Parameter '{other}' needs a driver");
        var storage = await ParseAsync([.. parts.Select(part => new[] { part[0][prefix.Length..], part[1] })], cancellationToken);
        return HostJson.ToElement(new JsonObject { ["file"] = JsonObject.Create(storage) });
    }

    private ValueTask<JsonElement> ParseAsync(List<string[]> parts, CancellationToken cancellationToken) =>
        input.ParseAsync(QapiExtension.BlockdevOptions, string.Join(',', parts.Select(part => $"{part[0]}={part[1].Replace(",", ",,", StringComparison.Ordinal)}")), "driver", cancellationToken);

    private static string? InTheWordsOfTools(string message, string? driver, List<string[]> parts)
    {
        if (message == "Parameter 'file' is missing")
            return "A block device must be specified for \"file\"";
        var unknown = parts.Find(part => message == $"Parameter '{part[0]}' is unexpected");
        return unknown is null ? null : $"Block format '{driver}' does not support the option '{unknown[0]}'";
    }
}
