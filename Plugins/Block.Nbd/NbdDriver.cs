// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Net.Security;
using System.Security.Authentication;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Nbd;
using BlockHost.Net;
using BlockHost.Objects;
using BlockHost.Plugins.Block.Nbd.Client;
using BlockHost.Plugins.Block.Nbd.Naming;

namespace BlockHost.Plugins.Block.Nbd;

/// <summary>The driver "nbd": an export of an NBD server, near or far.</summary>
internal sealed class NbdDriver : BlockDriver, IExistingStorage
{
    private const uint DefaultConnections = 4;
    private const uint MaxConnections = 16;

    public override string FormatName => "nbd";

    public override BlockDriverKind Kind => BlockDriverKind.Protocol;

    public override JsonTypeInfo OptionsType => NbdJson.Default.NbdOptions;

    public override IReadOnlyList<string> FileNamePrefixes => ["nbd", "nbd+tcp", "nbd+unix"];

    public override IReadOnlyList<string> StrongOptions => ["server", "export", "tls-creds", "tls-hostname"];

    public override bool TryParseFileName(string fileName, [NotNullWhen(true)] out JsonElement? options)
    {
        options = LegacyOptions.Of(NbdFileName.Parse(fileName));
        return true;
    }

    public override JsonElement Modernise(JsonElement options) => LegacyOptions.Modernise(options);

    public override async ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, JsonElement options, CancellationToken cancellationToken)
    {
        var typed = options.Deserialize(NbdJson.Default.NbdOptions)!;
        var clients = new ClientGroup(Settings(context, typed), context.Host.Clock);
        // From here on nobody has to wait for a server that does not answer.
        var yank = context.OnYank(clients.Yank);
        try
        {
            await clients.First.OpenAsync(cancellationToken).ConfigureAwait(false);
            CheckSession(context, typed, clients.First.Session);
            return new NbdNode(context, options, typed, clients);
        }
        catch
        {
            yank.Dispose();
            await clients.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    private static NbdSettings Settings(IBlockNodeContext context, NbdOptions options)
    {
        const int maxExportName = Wire.MaxStringLength;
        var export = options.Export ?? "";
        if (System.Text.Encoding.UTF8.GetByteCount(export) > maxExportName)
            throw Invalid("export name too long to send to server");
        if (options.DirtyBitmap is { } bitmap && System.Text.Encoding.UTF8.GetByteCount(bitmap) > maxExportName)
            throw Invalid("x-dirty-bitmap query too long to send to server");
        var connections = options.Connections ?? DefaultConnections;
        if (connections is 0 or > MaxConnections)
            throw new BlockException(
                ParameterFault.OutOfRange("x-blockhost-connections", $"a number from 1 to {MaxConnections}"));
        return new NbdSettings
        {
            Server = context.Host.Descriptors.Resolve(options.Server),
            MaxConnections = (int)connections,
            Export = export,
            Context = options.DirtyBitmap ?? NbdSettings.BaseAllocation,
            Tls = options.TlsCreds is { } id ? Tls(context.Host.Objects, id, options) : null,
            ReconnectDelay = TimeSpan.FromSeconds(options.ReconnectDelay),
            OpenTimeout = TimeSpan.FromSeconds(options.OpenTimeout),
        };
    }

    private static Func<SslClientAuthenticationOptions> Tls(IUserObjects objects, string id, NbdOptions options)
    {
        var credentials = objects.RequireTls(id, isServer: false);
        var hostName = options.TlsHostname ?? (options.Server as InetSocketAddress)?.Host;
        return () => credentials.CreateNamedClientOptions(hostName);
    }

    /// <summary>As QEMU's, which keeps the reasons to itself.</summary>
    private static void CheckSession(IBlockNodeContext context, NbdOptions options, NbdSession session)
    {
        if (options.DirtyBitmap is not null && session.Context is null)
            throw Invalid("Could not open image: Invalid argument");
        if ((session.Export.Flags & TransmissionFlags.ReadOnly) != 0)
            context.FallBackToReadOnly("Could not open image: Permission denied");
    }

    private static BlockException Invalid(string message) => new(BlockErrorKind.InvalidArgument, message);
}
