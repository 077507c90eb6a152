// SPDX-License-Identifier: MIT
using BlockHost.Plugins.Block.Http;
using BlockHost.Remote.Testing;

namespace BlockHost.Block.Http.Tests.Fakes;

/// <summary>Who opens this family's nodes: known to all tests by its name alone.</summary>
internal static class Clients
{
    public static RemoteClient Client { get; } = new(url => url.StartsWith("https:", StringComparison.Ordinal) ? new HttpsDriver() : new HttpDriver());
}
