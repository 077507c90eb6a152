// SPDX-License-Identifier: MIT
using System.Text;
using BlockHost.Block;
using BlockHost.Objects;

namespace BlockHost.Remote.Options;

/// <summary>A user's name and password. It prints neither.</summary>
public sealed class Login(string user, string password)
{
    public string User => user;

    public string Password => password;

    public override string ToString() => nameof(Login);

    /// <summary>By options; null where neither is given.</summary>
    /// <exception cref="BlockException">There is no such secret.</exception>
    public static Login? From(string? user, string? passwordSecret, IUserObjects objects)
    {
        var password = passwordSecret is null ? null : Secret(passwordSecret, objects);
        return user is null && password is null ? null : new Login(user ?? "", password ?? "");
    }

    /// <summary>By a URL's USER:PASSWORD@; null where it has none.</summary>
    public static Login? From(Uri url)
    {
        if (url.UserInfo.Length == 0)
            return null;
        var colon = url.UserInfo.IndexOf(':', StringComparison.Ordinal);
        var (user, password) = colon < 0 ? (url.UserInfo, "") : (url.UserInfo[..colon], url.UserInfo[(colon + 1)..]);
        return new Login(Uri.UnescapeDataString(user), Uri.UnescapeDataString(password));
    }

    /// <summary>The text of a secret.</summary>
    /// <exception cref="BlockException">There is no such secret, or it is no text; QEMU's words.</exception>
    public static string Secret(string id, IUserObjects objects)
    {
        if (!objects.TryGet<ISecret>(id, out var secret))
            throw new BlockException(
                BlockErrorKind.InvalidArgument,
                objects.TryGet<object>(id, out _) ? $"Object with id '{id}' is not a secret" : $"No secret with id '{id}'");
        try
        {
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(secret.Data.Span);
        }
        catch (DecoderFallbackException)
        {
            throw new BlockException(BlockErrorKind.InvalidArgument, $"Data from secret {id} is not valid UTF-8");
        }
    }
}
