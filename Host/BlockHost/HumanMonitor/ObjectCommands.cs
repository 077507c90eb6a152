// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Nodes;
using BlockHost.CommandLine;
using BlockHost.Composition;
using BlockHost.Core.Chardevs;
using BlockHost.Core.Qapi;
using BlockHost.Qmp;
using Kind = BlockHost.HumanMonitor.HumanParameterKind;

namespace BlockHost.HumanMonitor;

/// <summary>Commands that make what the command line makes, in its words, and those of descriptors.</summary>
internal sealed class ObjectCommands(
    Func<CommandLineChardevs> devices, Func<QapiInput> input, Func<QapiHelp> help)
{
    public IReadOnlyList<HumanCommand> All =>
    [
        new("chardev-add", [new("args", Kind.Text)], "args", "add chardev", AddDeviceAsync),
        new("chardev-change", [new("id", Kind.Text), new("args", Kind.Text)], "id args", "change chardev", ChangeDeviceAsync),
        new(
            "closefd", [new("fdname", Kind.Text)], "closefd name",
            "close a file descriptor previously passed via SCM rights", OnDescriptor("closefd")),
        new(
            "getfd", [new("fdname", Kind.Text)], "getfd name",
            "receive a file descriptor via SCM rights and assign it a name", OnDescriptor("getfd")),
        new(
            "object_add", [new("object", Kind.Rest)], "[qom-type=]type,id=str[,prop=value][,...]", "create QOM object",
            AddObjectAsync),
    ];

    private static Func<HumanCall, CancellationToken, ValueTask> OnDescriptor(string command) =>
        async (call, cancellationToken) => await call.ExecuteAsync(
            command, new JsonObject { ["fdname"] = call.Arguments.Text("fdname") }, cancellationToken);

    private async ValueTask AddDeviceAsync(HumanCall call, CancellationToken cancellationToken)
    {
        var definition = call.Arguments.Text("args")!;
        if (OptionHelp.IsAskedFor(definition))
        {
            call.Output.Write("Available chardev backend types: \n");
            foreach (var name in devices().Backends)
                call.Output.Write($"  {name}\n");
            return;
        }

        if (ChardevParser.UnknownOption(definition) is { } unknown)
        {
            call.Output.Write($"Invalid parameter '{unknown}'\n");
            throw new QmpException("Parsing chardev args failed");
        }

        if (ChardevParser.Parse(definition).Id is var id && devices().Has(id))
            throw new QmpException($"attempt to add duplicate property '{id}' to object (type 'container')");
        await devices().AddAsync(definition, waiting: null, cancellationToken);
    }

    private ValueTask ChangeDeviceAsync(HumanCall call, CancellationToken cancellationToken) =>
        devices().ChangeAsync(call.Arguments.Text("id")!, call.Arguments.Text("args")!, cancellationToken);

    private async ValueTask AddObjectAsync(HumanCall call, CancellationToken cancellationToken)
    {
        var definition = call.Arguments.Text("object")!;
        if (OptionHelp.IsAskedFor(definition))
        {
            var shown = await OptionHelp.OfAsync(help(), QapiExtension.ObjectOptions, definition, cancellationToken);
            call.Output.Write(shown.Output);
            return;
        }

        var options = await input().ParseAsync(QapiExtension.ObjectOptions, definition, "qom-type", cancellationToken);
        await call.ExecuteAsync("object-add", JsonObject.Create(options)!, cancellationToken);
    }
}
