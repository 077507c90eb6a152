// SPDX-License-Identifier: MIT
using System.Buffers;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using BlockHost.Block;
using BlockHost.Composition;
using BlockHost.Core.Qmp;
using BlockHost.Plugins;
using BlockHost.Qmp;

namespace BlockHost.HumanMonitor;

/// <summary>
/// human-monitor-command: a line for people in, text for people out, as QEMU's monitor prints it. Each command is QMP's of the
/// same meaning; an error is part of the text.
/// </summary>
internal sealed class HumanMonitorCommand(Func<IQmpDispatcher> dispatcher, HumanCommands commands)
{
    public void Register(IPluginRegistry registry) => registry.Add(QmpCommand.Create(
        "human-monitor-command",
        () => HumanMonitorJson.Default.HumanMonitorArguments,
        () => HumanMonitorJson.Default.String,
        (call, arguments, cancellationToken) => RunAsync(call, arguments.CommandLine, cancellationToken),
        features: ["savevm-monitor-nodes"]));

    private async ValueTask<string> RunAsync(IQmpCall call, string line, CancellationToken cancellationToken)
    {
        var output = new StringWriter { NewLine = "\n" };
        if (!string.IsNullOrWhiteSpace(line))
            await RunAsync(call, new HumanLine(line), output, cancellationToken);
        return output.ToString().Replace("\n", "\r\n", StringComparison.Ordinal);
    }

    private async ValueTask RunAsync(
        IQmpCall call, HumanLine line, StringWriter output, CancellationToken cancellationToken)
    {
        if (commands.Find(line) is not var (command, path))
        {
            output.Write($"unknown command: '{line.Path}'\n");
            return;
        }

        var parsed = new HumanArguments();
        if (parsed.Parse(command, line) is { } mistake)
        {
            output.Write($"{mistake}\nTry \"help {path}\" for more information\n");
            return;
        }

        try
        {
            await command.Run(new HumanCall(call, parsed, output, dispatcher()), cancellationToken);
        }
        catch (Exception e) when (e is QmpException or BlockException or PluginException or IOException)
        {
            output.Write($"Error: {e.Message}\n");
        }
    }
}

/// <summary>One run of a command.</summary>
internal sealed class HumanCall(IQmpCall call, HumanArguments arguments, TextWriter output, IQmpDispatcher dispatcher)
{
    public HumanArguments Arguments => arguments;

    public TextWriter Output => output;

    public IPluginHost Host => call.Host;

    /// <summary>Runs the command of QMP.</summary>
    public async ValueTask<JsonElement> ExecuteAsync(string command, JsonObject given, CancellationToken cancellationToken)
    {
        var buffer = new ArrayBufferWriter<byte>();
        await using (var result = new Utf8JsonWriter(buffer, QmpJson.Writing))
            await dispatcher.DispatchAsync(call, command, HostJson.ToElement(given), result, cancellationToken);
        return QmpJson.Parse(buffer.WrittenMemory);
    }
}

internal sealed record HumanMonitorArguments
{
    public required string CommandLine { get; init; }

    /// <summary>Accepted: there is no processor here.</summary>
    public long? CpuIndex { get; init; }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.KebabCaseLower)]
[JsonSerializable(typeof(HumanMonitorArguments))]
[JsonSerializable(typeof(string))]
internal sealed partial class HumanMonitorJson : JsonSerializerContext;
