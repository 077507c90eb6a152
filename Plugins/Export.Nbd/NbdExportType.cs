// SPDX-License-Identifier: MIT
using System.Text;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Exports;
using BlockHost.Nbd;
using BlockHost.Plugins.Export.Nbd.Protocol;
using BlockHost.Plugins.Export.Nbd.Server;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Export.Nbd;

internal sealed class NbdExportType(NbdServerControl control) : ExportType<NbdExportOptions>
{
    public const string TypeName = "nbd";

    public override string Name => TypeName;

    protected override JsonTypeInfo<NbdExportOptions> TypedOptionsType => NbdJsonContext.Default.NbdExportOptions;

    protected override ValueTask<BlockExport> CreateAsync(
        IExportContext context, NbdExportOptions options, CancellationToken cancellationToken) =>
        new(Create(context, options));

    private NbdExport Create(IExportContext context, NbdExportOptions options)
    {
        var server = control.Running;
        var name = options.Name ?? context.Backend.Node.Name;
        if (TooLong(name))
            throw new QmpException($"export name '{name}' too long");
        if (options.Description is { } description && TooLong(description))
            throw new QmpException($"description '{description}' too long");
        if (server.TryFind(name, out _))
            throw Taken(name);
        var export = new NbdExport(server, context, name, options, ExportedBitmaps.Find(context, options.Bitmaps ?? []));
        if (server.TryAdd(export))
            return export;
        export.Release();
        throw Taken(name);
    }

    private static QmpException Taken(string name) => new($"NBD server already has export named '{name}'");

    private static bool TooLong(string text) => Encoding.UTF8.GetByteCount(text) > Wire.MaxStringLength;
}
