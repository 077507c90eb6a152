// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Nodes;
using BlockHost.Core.Text;
using BlockHost.Qmp;
using Kind = BlockHost.HumanMonitor.HumanParameterKind;

namespace BlockHost.HumanMonitor;

/// <summary>migrate and its like, and info migrate.</summary>
internal static class MigrationCommands
{
    private const string Indent = "\n\t\t\t ";

    private const string MigrateHelp =
        "migrate to URI (using -d to not wait for completion)"
        + Indent + "-b for migration without shared storage with full copy of disk"
        + Indent + "-i for migration without shared storage with incremental copy of disk (base image shared between src and destination)"
        + Indent + "-r to resume a paused migration";

    /// <summary>In the order of info migrate_parameters, each with its unit.</summary>
    private static readonly (string Name, string Unit)[] Parameters =
    [
        ("announce-initial", " ms"), ("announce-max", " ms"), ("announce-rounds", ""), ("announce-step", " ms"),
        ("compress-level", ""), ("compress-threads", ""), ("compress-wait-thread", ""), ("decompress-threads", ""),
        ("throttle-trigger-threshold", ""), ("cpu-throttle-initial", ""), ("cpu-throttle-increment", ""),
        ("cpu-throttle-tailslow", ""), ("max-cpu-throttle", ""), ("tls-creds", ""), ("tls-hostname", ""),
        ("max-bandwidth", " bytes/second"), ("downtime-limit", " ms"), ("x-checkpoint-delay", " ms"), ("block-incremental", ""),
        ("multifd-channels", ""), ("multifd-compression", ""), ("xbzrle-cache-size", " bytes"), ("max-postcopy-bandwidth", ""),
        ("tls-authz", ""),
    ];

    private static readonly string[] Sizes = ["max-bandwidth", "xbzrle-cache-size", "max-postcopy-bandwidth"];

    private static readonly string[] Texts = ["tls-creds", "tls-hostname", "tls-authz", "multifd-compression"];

    public static IReadOnlyList<HumanCommand> All { get; } =
    [
        new(
            "migrate",
            [new("d", Kind.Flag, true), new("b", Kind.Flag, true), new("i", Kind.Flag, true), new("r", Kind.Flag, true), new("uri", Kind.Text)],
            "[-d] [-b] [-i] [-r] uri", MigrateHelp, MigrateAsync),
        new("migrate_cancel", [], "", "cancel the current VM migration", async (call, ct) =>
            await call.ExecuteAsync("migrate_cancel", [], ct)),
        new("migrate_continue", [new("state", Kind.Text)], "state", "Continue migration from the given paused state", (call, ct) =>
            RunAsync(call, "migrate-continue", "state", ct)),
        new("migrate_incoming", [new("uri", Kind.Text)], "uri", "Continue an incoming migration from an -incoming defer", (call, ct) =>
            RunAsync(call, "migrate-incoming", "uri", ct)),
        new("migrate_pause", [], "", "Pause an ongoing migration (postcopy-only)", async (call, ct) =>
            await call.ExecuteAsync("migrate-pause", [], ct)),
        new("migrate_recover", [new("uri", Kind.Text)], "uri", "Continue a paused incoming postcopy migration", (call, ct) =>
            RunAsync(call, "migrate-recover", "uri", ct)),
        new(
            "migrate_set_capability", [new("capability", Kind.Text), new("state", Kind.Text)], "capability state",
            "Enable/Disable the usage of a capability for migration", SetCapabilityAsync),
        new(
            "migrate_set_parameter", [new("parameter", Kind.Text), new("value", Kind.Text)], "parameter value",
            "Set the parameter for migration", SetParameterAsync),
    ];

    /// <summary>Those of info.</summary>
    public static IReadOnlyList<HumanCommand> Queries { get; } =
    [
        new("migrate", [], "", "show migration status", MigrateInfoAsync),
        new("migrate_capabilities", [], "", "show current migration capabilities", CapabilitiesAsync),
        new("migrate_parameters", [], "", "show current migration parameters", ParametersAsync),
    ];

    private static async ValueTask RunAsync(HumanCall call, string command, string member, CancellationToken cancellationToken) =>
        await call.ExecuteAsync(command, new JsonObject { [member] = call.Arguments.Text(member) }, cancellationToken);

    private static async ValueTask MigrateAsync(HumanCall call, CancellationToken cancellationToken)
    {
        await call.ExecuteAsync(
            "migrate",
            new()
            {
                ["uri"] = call.Arguments.Text("uri"),
                ["blk"] = call.Arguments.Has("b"),
                ["inc"] = call.Arguments.Has("i"),
                ["resume"] = call.Arguments.Has("r"),
            },
            cancellationToken);
        if (!call.Arguments.Has("d"))
            call.Output.Write("terminal does not allow synchronous migration, continuing detached\n");
    }

    private static async ValueTask SetCapabilityAsync(HumanCall call, CancellationToken cancellationToken)
    {
        var (name, state) = (call.Arguments.Text("capability")!, call.Arguments.Text("state"));
        var known = await call.ExecuteAsync("query-migrate-capabilities", [], cancellationToken);
        if (known.EnumerateArray().All(one => one.GetProperty("capability").GetString() != name))
            throw new QmpException($"invalid parameter value: {name}");
        if (state is not ("on" or "off"))
        {
            call.Output.Write("Expected 'on' or 'off'\nTry \"help migrate_set_capability\" for more information\n");
            return;
        }

        var one = new JsonObject { ["capability"] = name, ["state"] = state == "on" };
        await call.ExecuteAsync("migrate-set-capabilities", new() { ["capabilities"] = new JsonArray(one) }, cancellationToken);
    }

    private static async ValueTask SetParameterAsync(HumanCall call, CancellationToken cancellationToken)
    {
        var (name, value) = (call.Arguments.Text("parameter")!, call.Arguments.Text("value")!);
        if (name == "block-bitmap-mapping")
            throw new QmpException("The block-bitmap-mapping parameter can only be set through QMP");
        if (Parameters.All(parameter => parameter.Name != name) && name is not ("multifd-zlib-level" or "multifd-zstd-level"))
            throw new QmpException($"invalid parameter value: {name}");
        await call.ExecuteAsync("migrate-set-parameters", new() { [name] = Parse(name, value) }, cancellationToken);
    }

    private static JsonNode Parse(string name, string value)
    {
        if (Texts.Contains(name))
            return value;
        if (name is "compress-wait-thread" or "cpu-throttle-tailslow" or "block-incremental")
            return value switch
            {
                "on" or "yes" or "true" or "y" => true,
                "off" or "no" or "false" or "n" => false,
                _ => throw new QmpException($"Parameter '{name}' expects 'on' or 'off'"),
            };
        if (Sizes.Contains(name))
        {
            // A bandwidth without a suffix is in MiB a second.
            var text = name != "xbzrle-cache-size" && value is { Length: > 0 } && char.IsAsciiDigit(value[^1]) ? value + "M" : value;
            return SizeText.TryParse(text, out var size) == SizeError.None
                ? size
                : throw new QmpException($"Invalid size {value}");
        }

        return long.TryParse(value, out var number)
            ? number
            : throw new QmpException($"Parameter '{name}' expects uint64");
    }

    private static async ValueTask MigrateInfoAsync(HumanCall call, CancellationToken cancellationToken)
    {
        call.Output.Write(
            "globals:\nstore-global-state: on\nonly-migratable: off\nsend-configuration: on\nsend-section-footer: on\n"
            + "decompress-error-check: on\nclear-bitmap-shift: 18\n");
        var info = await call.ExecuteAsync("query-migrate", [], cancellationToken);
        if (info.TryGetProperty("status", out var status))
            WriteStatus(call.Output, info, status.GetString()!);
        if (info.TryGetProperty("ram", out var ram))
            WriteStream(call.Output, ram);
        if (info.TryGetProperty("socket-address", out var addresses))
            WriteAddresses(call.Output, addresses);
    }

    private static void WriteStatus(TextWriter output, JsonElement info, string status)
    {
        var reason = status == "failed" && info.TryGetProperty("error-desc", out var error) ? $" ({error.GetString()})" : "";
        output.Write($"Migration status: {status}{reason}\n");
        long Number(string name) => info.TryGetProperty(name, out var number) ? number.GetInt64() : 0;
        output.Write($"total time: {Number("total-time")} ms\n");
        if (info.TryGetProperty("expected-downtime", out _))
            output.Write($"expected downtime: {Number("expected-downtime")} ms\n");
        if (info.TryGetProperty("downtime", out _))
            output.Write($"downtime: {Number("downtime")} ms\n");
        if (info.TryGetProperty("setup-time", out _))
            output.Write($"setup: {Number("setup-time")} ms\n");
    }

    private static void WriteStream(TextWriter output, JsonElement ram)
    {
        long Number(string name) => ram.GetProperty(name).GetInt64();
        output.Write(string.Create(
            System.Globalization.CultureInfo.InvariantCulture,
            $"transferred ram: {Number("transferred") >> 10} kbytes\nthroughput: {ram.GetProperty("mbps").GetDouble():f2} mbps\n"));
        output.Write($"remaining ram: {Number("remaining") >> 10} kbytes\ntotal ram: {Number("total") >> 10} kbytes\n");
        output.Write($"duplicate: {Number("duplicate")} pages\nskipped: {Number("skipped")} pages\n");
        output.Write($"normal: {Number("normal")} pages\nnormal bytes: {Number("normal-bytes") >> 10} kbytes\n");
        output.Write($"dirty sync count: {Number("dirty-sync-count")}\npage size: {Number("page-size") >> 10} kbytes\n");
        output.Write($"multifd bytes: {Number("multifd-bytes") >> 10} kbytes\npages-per-second: {Number("pages-per-second")}\n");
    }

    private static void WriteAddresses(TextWriter output, JsonElement addresses)
    {
        output.Write("socket address: [\n");
        foreach (var address in addresses.EnumerateArray())
            output.Write(address.GetProperty("type").GetString() == "unix"
                ? $"\tunix:{address.GetProperty("path").GetString()}\n"
                : $"\ttcp:{address.GetProperty("host").GetString()}:{address.GetProperty("port").GetString()}\n");
        output.Write("]\n");
    }

    private static async ValueTask CapabilitiesAsync(HumanCall call, CancellationToken cancellationToken)
    {
        var capabilities = await call.ExecuteAsync("query-migrate-capabilities", [], cancellationToken);
        foreach (var one in capabilities.EnumerateArray())
            call.Output.Write(
                $"{one.GetProperty("capability").GetString()}: {(one.GetProperty("state").GetBoolean() ? "on" : "off")}\n");
    }

    private static async ValueTask ParametersAsync(HumanCall call, CancellationToken cancellationToken)
    {
        var parameters = await call.ExecuteAsync("query-migrate-parameters", [], cancellationToken);
        foreach (var (name, unit) in Parameters)
            call.Output.Write($"{name}: {Text(name, parameters.GetProperty(name))}{unit}\n");
        if (!parameters.TryGetProperty("block-bitmap-mapping", out var mapping))
            return;
        call.Output.Write("block-bitmap-mapping:\n");
        foreach (var node in mapping.EnumerateArray())
        {
            call.Output.Write($"  '{node.GetProperty("node-name").GetString()}' -> '{node.GetProperty("alias").GetString()}'\n");
            foreach (var bitmap in node.GetProperty("bitmaps").EnumerateArray())
                call.Output.Write($"    '{bitmap.GetProperty("name").GetString()}' -> '{bitmap.GetProperty("alias").GetString()}'\n");
        }
    }

    private static string Text(string name, JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.True => "on",
        JsonValueKind.False => "off",
        JsonValueKind.String when name.StartsWith("tls-", StringComparison.Ordinal) => $"'{value.GetString()}'",
        JsonValueKind.String => value.GetString()!,
        _ => value.GetRawText(),
    };
}
