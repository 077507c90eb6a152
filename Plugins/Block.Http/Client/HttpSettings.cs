// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Objects;
using BlockHost.Remote.Options;

namespace BlockHost.Plugins.Block.Http.Client;

/// <summary>What a node is told, checked, with its secrets.</summary>
internal sealed record HttpSettings(CurlSettings Curl, string? Cookie, bool VerifiesPeer)
{
    /// <exception cref="BlockException">An option is wrong; QEMU's texts.</exception>
    public static HttpSettings From(HttpOptions options, IUserObjects objects, string driver)
    {
        var curl = CurlSettings.From(options, objects, driver);
        if (options.Cookie is not null && options.CookieSecret is not null)
            throw Invalid("curl driver cannot handle both cookie and cookie secret");
        var cookie = options.CookieSecret is { } id ? Login.Secret(id, objects) : options.Cookie;
        if (cookie is not null && cookie.Any(char.IsControl))
            throw Invalid("A cookie has characters that no header can have");
        return new(curl, cookie, (options as HttpsOptions)?.Sslverify ?? true);
    }

    private static BlockException Invalid(string message) => new(BlockErrorKind.InvalidArgument, message);
}
