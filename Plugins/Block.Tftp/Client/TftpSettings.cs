// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Tftp.Client;

/// <summary>What a node is told, checked.</summary>
internal sealed record TftpSettings(string Host, int Port, string File, int BlockSize, int Window, TimeSpan Timeout)
{
    private const int DefaultPort = 69;
    private const uint DefaultBlockSize = 1428;
    private const uint DefaultWindow = 16;
    private const int MaxName = 400;

    /// <exception cref="BlockException">An option is wrong.</exception>
    public static TftpSettings From(TftpOptions options)
    {
        if (!Uri.TryCreate(options.Url, UriKind.Absolute, out var url) || url.Scheme != "tftp" || url.Host.Length == 0
            || url.AbsolutePath.Length < 2)
            throw new BlockException(BlockErrorKind.InvalidArgument, "A URL such as tftp://HOST[:PORT]/FILE is needed");
        var file = Uri.UnescapeDataString(url.AbsolutePath)[1..];
        if (file.Length > MaxName || file.Any(char.IsControl))
            throw new BlockException(BlockErrorKind.InvalidArgument, "The name of the file is one that TFTP cannot have");
        return new(
            url.IdnHost,
            url.Port > 0 ? url.Port : DefaultPort,
            file,
            InRange(options.Blksize ?? DefaultBlockSize, "blksize", 8, 65464),
            InRange(options.Windowsize ?? DefaultWindow, "windowsize", 1, 256),
            TimeSpan.FromSeconds(InRange(options.Timeout ?? 1, "timeout", 1, 255)));
    }

    private static int InRange(uint value, string name, uint min, uint max) => value >= min && value <= max
        ? (int)value
        : throw new BlockException(ParameterFault.OutOfRange(name, $"a number from {min} to {max}"));
}
