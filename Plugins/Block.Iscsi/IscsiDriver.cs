// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Iscsi.Naming;
using BlockHost.Plugins.Block.Iscsi.Scsi;
using BlockHost.Plugins.Block.Iscsi.Session;
using BlockHost.Remote;
using BlockHost.Scsi;
using Microsoft.Extensions.Logging;

namespace BlockHost.Plugins.Block.Iscsi;

/// <summary>The driver "iscsi": a logical unit of an iSCSI target.</summary>
internal sealed class IscsiDriver : BlockDriver, IExistingStorage
{
    /// <summary>For connecting, logging in and asking what the disk is, where nothing can be tried again.</summary>
    private static readonly TimeSpan OpenPatience = TimeSpan.FromSeconds(30);

    public override string FormatName => "iscsi";

    public override BlockDriverKind Kind => BlockDriverKind.Protocol;

    public override JsonTypeInfo OptionsType => IscsiJson.Default.IscsiOptions;

    public override IReadOnlyList<string> FileNamePrefixes => [FormatName, "iser"];

    /// <summary>As QEMU's, but for "password": no name that is shown has it.</summary>
    public override IReadOnlyList<string> StrongOptions =>
        ["transport", "portal", "target", "user", "password-secret", "lun", "initiator-name", "header-digest"];

    public override bool TryParseFileName(string fileName, [NotNullWhen(true)] out JsonElement? options)
    {
        options = IscsiUrl.Parse(fileName);
        return true;
    }

    public override JsonElement Modernise(JsonElement options) => IscsiOptionText.Modernise(options);

    public override async ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, JsonElement options, CancellationToken cancellationToken)
    {
        var typed = options.Deserialize(IscsiJson.Default.IscsiOptions)!;
        var settings = IscsiSettings.From(typed, context.Host.Objects);
        var rules = new ScsiRules(typed.ScsiCommands, $"{typed.Target}/{settings.Lun}");
        var logger = context.Host.Loggers.CreateLogger("");
        return await Opening.WithYankAsync(context, async lifeline =>
        {
            var session = new IscsiSession(settings, context.Host.Clock, logger);
            lifeline.Token.Register(session.Yank);
            try
            {
                var isAssumedWritable = await Opening.RunAsync(
                    context, lifeline, OpenPatience, LunProbe.ConnectFailed, session.OpenAsync, cancellationToken)
                    .ConfigureAwait(false);
                if (isAssumedWritable)
                    IscsiLog.AssumedWritable(logger);
                if (session.Facts.IsWriteProtected || session.Facts.DeviceType == DeviceTypes.Cdrom)
                    context.FallBackToReadOnly("LUN is write protected");
                return new IscsiNode(context, session, lifeline, options, rules);
            }
            catch
            {
                await session.DisposeAsync().ConfigureAwait(false);
                throw;
            }
        }).ConfigureAwait(false);
    }
}

internal static partial class IscsiLog
{
    [LoggerMessage(1, LogLevel.Warning, "iSCSI: Failed MODE_SENSE(6), LUN assumed writable")]
    public static partial void AssumedWritable(ILogger logger);

    [LoggerMessage(2, LogLevel.Warning, "The size of the disk is not known any more: {Reason}")]
    public static partial void SizeUnknown(ILogger logger, string reason);
}
