// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Objects;
using BlockHost.Remote.Transfers;

namespace BlockHost.Remote.Options;

/// <summary><see cref="CurlOptions"/>, checked, with their secrets.</summary>
public sealed record CurlSettings
{
    private const long DefaultReadAhead = 256 << 10;
    private const long DefaultTimeout = 5;
    private const long MaxTimeout = 10000;
    private const uint MaxConnections = 64;
    private const int SectorSize = 512;

    public required Uri Url { get; init; }

    public required long ReadAhead { get; init; }

    public required TransferSettings Transfers { get; init; }

    public Login? Login { get; init; }

    public Login? ProxyLogin { get; init; }

    public string? CacheFile { get; init; }

    /// <exception cref="BlockException">An option is wrong; QEMU's texts.</exception>
    public static CurlSettings From(CurlOptions options, IUserObjects objects, string driver)
    {
        var readAhead = options.Readahead ?? DefaultReadAhead;
        if (readAhead < 0 || readAhead % SectorSize != 0)
            throw Invalid($"HTTP_READAHEAD_SIZE {readAhead} is not a multiple of {SectorSize}");
        var timeout = options.Timeout ?? DefaultTimeout;
        if (timeout is < 0 or > MaxTimeout)
            throw Invalid("timeout parameter is too large or negative");
        if (!options.Url.StartsWith($"{driver}://", StringComparison.Ordinal))
            throw Invalid(
                $"{driver} curl driver cannot handle the URL '{options.Url}' (does not start with '{driver}://')");
        if (!Uri.TryCreate(options.Url, UriKind.Absolute, out var url) || url.Host.Length == 0)
            throw Invalid("CURL: Error opening file: URL using bad/illegal format or missing URL");
        return new CurlSettings
        {
            Url = url,
            ReadAhead = readAhead,
            Transfers = Transfer(options, timeout),
            Login = Login.From(options.Username, options.PasswordSecret, objects) ?? Login.From(url),
            ProxyLogin = Login.From(options.ProxyUsername, options.ProxyPasswordSecret, objects),
            CacheFile = options.CacheFile,
        };
    }

    private static TransferSettings Transfer(CurlOptions options, long timeout)
    {
        var settings = new TransferSettings { Patience = TimeSpan.FromSeconds(timeout) };
        if (options.Connections is 0 or > MaxConnections)
            throw new BlockException(
                ParameterFault.OutOfRange("x-blockhost-connections", $"a number from 1 to {MaxConnections}"));
        return settings with
        {
            Connections = (int)(options.Connections ?? (uint)settings.Connections),
            Deadline = options.RetryTime is { } seconds ? TimeSpan.FromSeconds(seconds) : settings.Deadline,
        };
    }

    private static BlockException Invalid(string message) => new(BlockErrorKind.InvalidArgument, message);
}
