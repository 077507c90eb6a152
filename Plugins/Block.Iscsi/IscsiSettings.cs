// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Objects;
using BlockHost.Plugins.Block.Iscsi.Naming;
using BlockHost.Plugins.Block.Iscsi.Session;
using BlockHost.Remote.Options;

namespace BlockHost.Plugins.Block.Iscsi;

/// <summary>Options as a session has them, each checked.</summary>
internal static class IscsiSettings
{
    /// <summary>RFC 7143, section 4.2.7.1.</summary>
    private const int LongestName = 223;

    /// <summary>Of the flat form of numbers.</summary>
    private const int MostLuns = 1 << 14;

    private const int MostPortals = 16;

    /// <exception cref="BlockException">They are wrong; QEMU's texts where it has some.</exception>
    public static SessionSettings From(IscsiOptions options, IUserObjects objects)
    {
        if (options.Transport == IscsiTransport.Iser)
            throw new BlockException(BlockErrorKind.NotSupported, "iSCSI over RDMA (iser) is not supported");
        var lun = options.Lun ?? 0;
        if (lun is < 0 or >= MostLuns)
            throw new BlockException(ParameterFault.OutOfRange("lun", $"a number from 0 to {MostLuns - 1}"));
        if (options.Timeout < 0)
            throw new BlockException(ParameterFault.OutOfRange("timeout", "seconds"));
        var own = OwnLogin(options, objects);
        var settings = new SessionSettings
        {
            Portals = Portals(options),
            Target = Name("target", options.Target),
            Lun = lun,
            Login = own,
            TargetLogin = TargetLogin(options, own, objects),
            ChapHash = options.ChapHash ?? IscsiChapHash.Md5,
            HeaderDigest = options.HeaderDigest ?? IscsiHeaderDigest.NoneCrc32C,
            DataDigest = options.DataDigest ?? IscsiHeaderDigest.None,
            LimitsFlushes = options.Timeout > 0,
        };
        if (options.InitiatorName is { } name)
            settings = settings with { InitiatorName = Name("initiator-name", name) };
        if (options.Timeout is { } timeout)
            settings = settings with { CommandTimeout = TimeSpan.FromSeconds(timeout) };
        return options.RetryTime is { } retryTime
            ? settings with { RetryTime = TimeSpan.FromSeconds(retryTime) }
            : settings;
    }

    private static List<Portal> Portals(IscsiOptions options)
    {
        var further = options.Portals ?? [];
        if (further.Count >= MostPortals)
            throw new BlockException(ParameterFault.OutOfRange("x-blockhost-portals", $"at most {MostPortals - 1} portals"));
        return [One("portal", options.Portal), .. further.Select(text => One("x-blockhost-portals", text))];

        static Portal One(string option, string text) => Portal.Parse(text)
            ?? throw new BlockException(ParameterFault.OutOfRange(option, "HOST[:PORT]"));
    }

    private static Login? OwnLogin(IscsiOptions options, IUserObjects objects)
    {
        if (options.User is not { } user)
            return null;
        if (options is { Password: not null, PasswordSecret: not null })
            throw Invalid("'password' and 'password-secret' properties are mutually exclusive");
        var password = options.PasswordSecret is { } id ? Login.Secret(id, objects) : options.Password;
        return password is null
            ? throw Invalid("CHAP username specified but no password was given")
            : new Login(Name("user", user), password);
    }

    private static Login? TargetLogin(IscsiOptions options, Login? own, IUserObjects objects)
    {
        if (options is { TargetUser: null, TargetPasswordSecret: null })
            return null;
        if (options is not { TargetUser: { } user, TargetPasswordSecret: { } id })
            throw Invalid("'x-blockhost-target-user' and 'x-blockhost-target-password-secret' come together");
        if (own is null)
            throw Invalid("A target logs in only where this side does: 'user' is missing");
        var login = new Login(Name("x-blockhost-target-user", user), Login.Secret(id, objects));
        // Whoever is asked with the same one can have the other side answer its own question (RFC 7143, section 9.2.1).
        return login.Password == own.Password ? throw Invalid("The two sides' passwords have to be different ones") : login;
    }

    /// <summary>Names go into a text in which a zero byte ends a value, and what follows is the next key.</summary>
    private static string Name(string option, string name) =>
        name.Length is > 0 and <= LongestName && !name.Any(char.IsControl)
            ? name
            : throw new BlockException(ParameterFault.OutOfRange(option, $"a name of 1 to {LongestName} characters"));

    private static BlockException Invalid(string message) => new(BlockErrorKind.InvalidArgument, message);
}
