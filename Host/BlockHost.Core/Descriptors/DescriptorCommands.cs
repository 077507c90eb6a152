// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Core.Qmp.Sessions;
using BlockHost.Plugins;
using BlockHost.Posix;
using BlockHost.Qmp;

namespace BlockHost.Core.Descriptors;

/// <summary>add-fd, remove-fd and query-fdsets; getfd and closefd.</summary>
internal static class DescriptorCommands
{
    public static void Register(IPluginRegistry registry, DescriptorSets sets, PassedDescriptors named)
    {
        var json = DescriptorJson.Default;
        registry.Add(QmpCommand.Create(
            "add-fd", () => json.AddFdArguments, () => json.AddFdInfo, (call, arguments, _) => new(Add(sets, call, arguments))));
        registry.Add(QmpCommand.CreateAction("remove-fd", () => json.RemoveFdArguments, (_, arguments, _) =>
        {
            sets.Remove(arguments.FdsetId, arguments.Fd);
            return ValueTask.CompletedTask;
        }));
        registry.Add(QmpCommand.CreateQuery("query-fdsets", () => json.IReadOnlyListFdsetInfo, (_, _) => new(List(sets))));
        registry.Add(QmpCommand.CreateAction("getfd", () => json.FdName, (call, arguments, _) =>
        {
            Name(named, call, arguments.Fdname);
            return ValueTask.CompletedTask;
        }));
        registry.Add(QmpCommand.CreateAction("closefd", () => json.FdName, (call, arguments, _) =>
        {
            named.Close(call.MonitorId, arguments.Fdname);
            return ValueTask.CompletedTask;
        }));
    }

    private static AddFdInfo Add(DescriptorSets sets, IQmpCall call, AddFdArguments arguments)
    {
        var descriptor = Received(call);
        try
        {
            return new AddFdInfo { FdsetId = sets.Add(arguments.FdsetId, descriptor, arguments.Opaque), Fd = descriptor };
        }
        catch
        {
            _ = Libc.close(descriptor);
            throw;
        }
    }

    private static void Name(PassedDescriptors named, IQmpCall call, string name)
    {
        var descriptor = Received(call);
        if (name is [>= '0' and <= '9', ..])
        {
            _ = Libc.close(descriptor);
            throw new QmpException(ParameterFault.OutOfRange("fdname", "a name not starting with a digit"));
        }

        named.Name(call.MonitorId, name, descriptor);
    }

    private static int Received(IQmpCall call) =>
        (call as MonitorCall)?.Received?.Take() ?? throw new QmpException("No file descriptor supplied via SCM_RIGHTS");

    private static IReadOnlyList<FdsetInfo> List(DescriptorSets sets) =>
    [
        .. sets.List().Select(set => new FdsetInfo
        {
            FdsetId = set.Id,
            Fds = [.. set.Descriptors.Select(one => new FdsetFdInfo { Fd = one.Value, Opaque = one.Opaque })],
        }),
    ];
}

internal sealed record AddFdArguments
{
    /// <summary>The set to add to; default: a new one.</summary>
    public long? FdsetId { get; init; }

    /// <summary>Text for whoever asks.</summary>
    public string? Opaque { get; init; }
}

internal sealed record AddFdInfo
{
    public required long FdsetId { get; init; }

    public required long Fd { get; init; }
}

internal sealed record RemoveFdArguments
{
    public required long FdsetId { get; init; }

    /// <summary>One of the set; default: all.</summary>
    public long? Fd { get; init; }
}

internal sealed record FdsetInfo
{
    public required long FdsetId { get; init; }

    public required IReadOnlyList<FdsetFdInfo> Fds { get; init; }
}

internal sealed record FdsetFdInfo
{
    public required long Fd { get; init; }

    public string? Opaque { get; init; }
}

internal sealed record FdName
{
    public required string Fdname { get; init; }
}

[JsonSourceGenerationOptions(
    MaxDepth = QmpJson.MaxDepth,
    PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(AddFdArguments))]
[JsonSerializable(typeof(AddFdInfo))]
[JsonSerializable(typeof(RemoveFdArguments))]
[JsonSerializable(typeof(IReadOnlyList<FdsetInfo>))]
[JsonSerializable(typeof(FdName))]
internal sealed partial class DescriptorJson : JsonSerializerContext;
