// SPDX-License-Identifier: MIT
using BlockHost.Plugins.Block.Ftp;
using BlockHost.Remote.Testing;

namespace BlockHost.Block.Ftp.Tests.Fakes;

/// <summary>Who opens this family's nodes: known to all tests by its name alone.</summary>
internal static class Clients
{
    public static RemoteClient Client { get; } = new(url => url.StartsWith("ftps:", StringComparison.Ordinal) ? new FtpsDriver() : new FtpDriver());
}
