// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization;
using BlockHost.Core.Block.Opening;
using BlockHost.Core.Json;
using BlockHost.Exports;
using BlockHost.Plugins;
using BlockHost.Qmp;

namespace BlockHost.Core.Exports;

/// <summary>block-export-add, block-export-del, query-block-exports; event BLOCK_EXPORT_DELETED.</summary>
public static class ExportCommands
{
    internal static QmpEvent<ExportDeletedEvent> Deleted { get; } = new(
        "BLOCK_EXPORT_DELETED", () => ExportJson.Default.ExportDeletedEvent);

    public static void Register(IPluginRegistry registry)
    {
        registry.Add(QmpCommand.CreateAction(
            "block-export-add", () => ExportJson.Default.BlockExportOptions, AddAsync, QmpCommandFlags.AllowPreconfig));
        registry.Add(QmpCommand.CreateAction(
            "block-export-del", () => ExportJson.Default.ExportDelArguments, DeleteAsync, QmpCommandFlags.AllowPreconfig));
        registry.Add(QmpCommand.CreateQuery(
            "query-block-exports",
            () => ExportJson.Default.IReadOnlyListBlockExportInfo,
            QueryAsync,
            QmpCommandFlags.AllowPreconfig));
        registry.Add(Deleted);
    }

    /// <summary>From BlockExportOptions as the command has it; also for the daemon's --export.</summary>
    public static ExportRequest ToRequest(JsonElement options)
    {
        var common = options.Deserialize(ExportJson.Default.ExportCommon)!;
        return new ExportRequest
        {
            Type = common.Type,
            Id = common.Id,
            NodeName = common.NodeName,
            Writable = common.Writable ?? false,
            WriteThrough = common.WriteThrough ?? false,
            IoThread = common.IoThread,
            FixedIoThread = common.FixedIoThread ?? false,
            AllowInactive = common.AllowInactive ?? false,
            Options = JsonObjects.Where(options, member => !IsCommon(member.Name)),
        };
    }

    private static ValueTask AddAsync(IQmpCall call, BlockExportOptions options, CancellationToken cancellationToken) =>
        call.Host.Exports.AddAsync(ToRequest(options.Json), cancellationToken);

    private static ValueTask DeleteAsync(IQmpCall call, ExportDelArguments arguments, CancellationToken cancellationToken)
    {
        call.Host.Exports.Remove(arguments.Id, arguments.Mode ?? ExportRemoveMode.Safe);
        return ValueTask.CompletedTask;
    }

    private static ValueTask<IReadOnlyList<BlockExportInfo>> QueryAsync(IQmpCall call, CancellationToken cancellationToken) =>
        new(call.Host.Exports.List().Select(info => new BlockExportInfo
        {
            Id = info.Id,
            Type = info.Type,
            NodeName = info.NodeName,
            ShuttingDown = info.ShuttingDown,
        }).ToArray());

    private static bool IsCommon(string name) =>
        name is "type" or "id" or "node-name" or "writable" or "writethrough" or "iothread" or "fixed-iothread"
            or "allow-inactive";
}
