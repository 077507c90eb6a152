// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Plugins.Block.Ssh.Naming;
using BlockHost.Plugins.Block.Ssh.Sftp;
using BlockHost.Plugins.Block.Ssh.Transport;
using BlockHost.Qmp;
using BlockHost.Remote;

namespace BlockHost.Plugins.Block.Ssh;

/// <summary>The driver "ssh": a file of another machine, by SFTP through OpenSSH's client.</summary>
internal sealed class SshDriver : BlockDriver, IImageCreator, IFileStore
{
    private const uint DefaultRetryTime = 30;

    /// <summary>For connecting, logging in and opening the file, where no request can be tried again.</summary>
    private static readonly TimeSpan OpenPatience = TimeSpan.FromSeconds(30);

    public override string FormatName => "ssh";

    public override BlockDriverKind Kind => BlockDriverKind.Protocol;

    public override JsonTypeInfo OptionsType => SshJson.Default.SshOptions;

    public override IReadOnlyList<string> FileNamePrefixes => [FormatName];

    public override IReadOnlyList<string> StrongOptions => ["server", "path", "user", "host-key-check"];

    public JsonTypeInfo CreateOptionsType => SshJson.Default.SshCreateOptions;

    public IReadOnlyList<CreateOption> CreateOptions { get; } = [new("size", CreateOptionKind.Size, "Virtual disk size", "size")];

    public string LocationMember => "location";

    public override bool TryParseFileName(string fileName, [NotNullWhen(true)] out JsonElement? options)
    {
        options = SshUrl.Parse(fileName);
        return true;
    }

    public override JsonElement Modernise(JsonElement options) => SshOptionText.Modernise(options);

    public override async ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, JsonElement options, CancellationToken cancellationToken)
    {
        var typed = options.Deserialize(SshJson.Default.SshOptions)!;
        var retryTime = TimeSpan.FromSeconds(typed.RetryTime ?? DefaultRetryTime);
        return await Opening.WithYankAsync(context, async lifeline =>
        {
            var files = new FileOpener(typed, lifeline, context.Host.Clock, retryTime);
            var file = await Opening.RunAsync(
                context, lifeline, OpenPatience, "", token => files.OpenAsync(!context.ReadOnly, token), cancellationToken)
                .ConfigureAwait(false);
            try
            {
                var length = await file.LengthAsync().ConfigureAwait(false);
                return new SshNode(context, files, file, lifeline, options, SshUrl.Of(typed), length);
            }
            catch
            {
                await file.DisposeAsync().ConfigureAwait(false);
                throw;
            }
        }).ConfigureAwait(false);
    }

    /// <summary>What is there is emptied.</summary>
    public async ValueTask CreateAsync(IImageCreateContext context, JsonElement options, CancellationToken cancellationToken)
    {
        var typed = options.Deserialize(SshJson.Default.SshCreateOptions)!;
        if (typed.Size > long.MaxValue)
            throw new BlockException(BlockErrorKind.InvalidArgument, $"The size of {typed.Size} bytes is too large");
        await WithSessionAsync(typed.Location, context.Host.Clock, cancellationToken, async session =>
        {
            const SftpOpenFlags flags = SftpOpenFlags.Read | SftpOpenFlags.Write | SftpOpenFlags.Create | SftpOpenFlags.Truncate;
            var opened = await OpenedFile.OpenAsync(session, typed.Location.Path, flags, cancellationToken).ConfigureAwait(false);
            await opened.File.SetLengthAsync((long)typed.Size).ConfigureAwait(false);
            await opened.File.CloseAsync().ConfigureAwait(false);
            return true;
        }).ConfigureAwait(false);
    }

    public ValueTask<bool> ExistsAsync(JsonElement options, CancellationToken cancellationToken)
    {
        var typed = Typed(options);
        return WithSessionAsync(
            typed, TimeProvider.System, cancellationToken, session => SftpFolder.ExistsAsync(session.Channel, typed.Path));
    }

    public async ValueTask DeleteAsync(JsonElement options, CancellationToken cancellationToken)
    {
        var typed = Typed(options);
        await WithSessionAsync(
            typed, TimeProvider.System, cancellationToken, session => SftpFolder.RemoveAsync(session.Channel, typed.Path))
            .ConfigureAwait(false);
    }

    /// <summary>Of a node, whose other options are the host's.</summary>
    private static SshOptions Typed(JsonElement node) => QmpJson.WriteObject(writer =>
    {
        foreach (var member in node.EnumerateObject().Where(member => member.Name != "driver"))
            member.WriteTo(writer);
    }).Deserialize(SshJson.Default.SshOptions)!;

    private static async ValueTask<T> WithSessionAsync<T>(
        SshOptions options, TimeProvider clock, CancellationToken cancellationToken, Func<SshSession, ValueTask<T>> work)
    {
        try
        {
            var session = await SshSession.OpenAsync(options, clock, OpenPatience, cancellationToken).ConfigureAwait(false);
            await using var _ = session.ConfigureAwait(false);
            using var cut = cancellationToken.Register(session.Kill);
            return await work(session).ConfigureAwait(false);
        }
        catch (RemoteFault fault)
        {
            cancellationToken.ThrowIfCancellationRequested();
            throw new BlockException(BlockErrorKind.Io, fault.Message, innerException: fault);
        }
    }
}
