// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Rbd.Client;
using BlockHost.Plugins.Block.Rbd.Naming;
using BlockHost.Plugins.Block.Rbd.Native;
using BlockHost.Remote;

namespace BlockHost.Plugins.Block.Rbd;

/// <summary>The driver "rbd": images of Ceph's pools, through librbd.</summary>
internal sealed class RbdDriver : BlockDriver, IImageCreator
{
    private const uint DefaultOpenTimeout = 300;

    public override string FormatName => "rbd";

    public override BlockDriverKind Kind => BlockDriverKind.Protocol;

    public override JsonTypeInfo OptionsType => RbdJson.Default.RbdOptions;

    public override JsonTypeInfo? SpecificInfoType => RbdJson.Default.RbdInfo;

    public override IReadOnlyList<string> FileNamePrefixes => [FormatName];

    public override IReadOnlyList<string> StrongOptions =>
        ["pool", "namespace", "image", "conf", "snapshot", "user", "server", "password-secret"];

    public JsonTypeInfo CreateOptionsType => RbdJson.Default.RbdCreateOptions;

    public IReadOnlyList<CreateOption> CreateOptions { get; } =
    [
        new("size", CreateOptionKind.Size, "Virtual disk size", "size"),
        new("cluster_size", CreateOptionKind.Size, "RBD object size", "cluster-size"),
        new("password-secret", CreateOptionKind.String, "ID of secret providing the password", "location.key-secret"),
        new("encrypt.format", CreateOptionKind.String, "Encrypt the image, format choices: 'luks', 'luks2'", "encrypt.format"),
        new(
            "encrypt.cipher-alg",
            CreateOptionKind.String,
            "Name of encryption cipher algorithm (allowed values: aes-128, aes-256)",
            "encrypt.cipher-alg"),
        new("encrypt.key-secret", CreateOptionKind.String, "ID of secret providing LUKS passphrase", "encrypt.key-secret"),
    ];

    public string LocationMember => "location";

    public override bool TryParseFileName(string fileName, [NotNullWhen(true)] out JsonElement? options)
    {
        options = RbdFileName.Parse(fileName);
        return true;
    }

    public override JsonElement Modernise(JsonElement options) => RbdOptionText.Modernise(options);

    public override async ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, JsonElement options, CancellationToken cancellationToken)
    {
        var typed = options.Deserialize(RbdJson.Default.RbdOptions)!;
        if (typed.Snapshot is not null)
            context.FallBackToReadOnly("rbd snapshots are read-only");
        var librbd = CephLibraries.Require();
        var settings = new SessionSettings
        {
            Image = ImageSettings.From(typed, context.Host.Objects),
            IsReadOnly = context.ReadOnly,
            Cache = !context.CacheDirect,
            Timeout = TimeSpan.FromSeconds(typed.Timeout ?? 0),
            OpenTimeout = TimeSpan.FromSeconds(typed.Timeout ?? DefaultOpenTimeout),
            Memory = context.Host.Memory,
            Clock = context.Host.Clock,
            Logger = context.Host.Loggers.CreateLogger(""),
        };
        return await Opening.WithYankAsync(context, async lifeline =>
        {
            var session = await Opening.RunAsync(
                context, lifeline, settings.OpenTimeout, "error connecting: ",
                token => ImageSession.OpenAsync(settings, lifeline, token), cancellationToken).ConfigureAwait(false);
            return await RbdNode.CreateAsync(context, session, lifeline, options, typed, librbd).ConfigureAwait(false);
        }).ConfigureAwait(false);
    }

    public async ValueTask CreateAsync(IImageCreateContext context, JsonElement options, CancellationToken cancellationToken)
    {
        CephLibraries.Require();
        var typed = options.Deserialize(RbdJson.Default.RbdCreateOptions)!;
        var objects = context.Host.Objects;
        var maker = new ImageMaker(
            ImageSettings.From(typed.Location, objects), typed, id => ImageSettings.Secret(id, objects));
        var timeout = TimeSpan.FromSeconds(typed.Location.Timeout ?? DefaultOpenTimeout);
        var made = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        PluginThread.Start("blockhost-rbd-create", () => Make(maker, made));
        try
        {
            await made.Task.WaitAsync(
                timeout == TimeSpan.Zero ? Timeout.InfiniteTimeSpan : timeout, context.Host.Clock, cancellationToken)
                .ConfigureAwait(false);
        }
        catch (TimeoutException e)
        {
            throw new BlockException(
                BlockErrorKind.Io, $"Ceph has not answered for {timeout.TotalSeconds} seconds", Errno.ETIMEDOUT, e);
        }
    }

    private static void Make(ImageMaker maker, TaskCompletionSource made)
    {
        try
        {
            maker.Make();
            made.SetResult();
        }
        catch (Exception e)
        {
            made.SetException(e);
            _ = made.Task.Exception;
        }
    }
}
