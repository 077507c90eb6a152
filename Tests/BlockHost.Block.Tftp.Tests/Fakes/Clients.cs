// SPDX-License-Identifier: MIT
using BlockHost.Plugins.Block.Tftp;
using BlockHost.Remote.Testing;

namespace BlockHost.Block.Tftp.Tests.Fakes;

/// <summary>Who opens this family's nodes: known to all tests by its name alone.</summary>
internal static class Clients
{
    public static RemoteClient Client { get; } = new(_ => new TftpDriver());
}
