// SPDX-License-Identifier: MIT
using System.Text.Json.Nodes;
using BlockHost.Chardevs;
using BlockHost.Core.Chardevs;
using BlockHost.Core.Plugins;
using BlockHost.Core.Qapi;
using BlockHost.Plugins;
using BlockHost.Qmp;

namespace BlockHost.Composition;

/// <summary>Character devices in the words of "--chardev": "socket,id=mon0,path=/run/x".</summary>
internal sealed class CommandLineChardevs(ChardevTable table, PluginManager plugins, QapiInput input)
{
    public IEnumerable<string> Backends => plugins.Of(ProvidedKind.Chardev).Names;

    public bool Has(string id) => table.List().Any(device => device.Id == id);

    /// <param name="definition">As behind "--chardev".</param>
    /// <param name="waiting">Told when a server waits for its first client.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async ValueTask<Chardev> AddAsync(
        string definition, Action<string>? waiting, CancellationToken cancellationToken)
    {
        var options = ChardevParser.Parse(definition);
        if (options is not PluginChardevOptions given)
            return await table.AddAsync(options, waiting, cancellationToken);
        var backend = await plugins.Of(ProvidedKind.Chardev).LeaseAsync(
            given.Backend, $"chardev '{given.Id}'", brief: true, cancellationToken)
            ?? throw new QmpException($"'{given.Backend}' is not a valid char driver name");
        using var use = backend.Use;
        var union = new JsonObject { ["type"] = given.Backend, ["data"] = backend.Value.FromCommandLine(given.Options) };
        var valid = await input.ConvertAsync(QapiExtension.ChardevBackend, HostJson.ToElement(union), cancellationToken);
        return await table.AddPlainlyAsync(given.Id, valid, cancellationToken);
    }

    /// <summary>As QEMU does it: the old device goes first, and where the new one fails there is none.</summary>
    public async ValueTask ChangeAsync(string id, string definition, CancellationToken cancellationToken)
    {
        var renamed = $"{definition},id={id.Replace(",", ",,", StringComparison.Ordinal)}";
        _ = ChardevParser.Parse(renamed);
        table.RefuseChange(id);
        await table.RemoveAsync(id);
        await AddAsync(renamed, waiting: null, cancellationToken);
    }
}
