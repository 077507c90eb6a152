// SPDX-License-Identifier: MIT
using System.Net.Security;
using BlockHost.Nbd;

namespace BlockHost.Tools.Nbd;

internal sealed record NbdListedExport(string Name, string Description, NbdExportInfo? Info, IReadOnlyList<string> Contexts);

/// <summary>What a server says of its exports, without entering one.</summary>
internal static class NbdListClient
{
    /// <param name="tls">Null: without TLS.</param>
    public static async ValueTask<IReadOnlyList<NbdListedExport>> ListAsync(
        Stream transport, SslClientAuthenticationOptions? tls, CancellationToken cancellationToken)
    {
        var handshake = new NbdHandshake(transport);
        await handshake.GreetAsync(cancellationToken);
        if (tls is not null)
            await handshake.StartTlsAsync(tls, cancellationToken);
        var names = await handshake.ListAsync(cancellationToken) ?? [];
        var structured = await handshake.StructuredRepliesAsync(cancellationToken);
        var exports = new List<NbdListedExport>();
        foreach (var (name, description) in names)
        {
            var info = await handshake.InfoAsync(name, cancellationToken);
            var contexts = structured ? await handshake.ListContextsAsync(name, cancellationToken) : [];
            exports.Add(new(name, description, info, contexts));
        }

        await handshake.AbortAsync(cancellationToken);
        return exports;
    }
}
