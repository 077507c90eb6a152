// SPDX-License-Identifier: MIT
using System.IO.Enumeration;
using System.Text.Json.Serialization;
using BlockHost.Objects;

namespace BlockHost.Core.Objects.Types;

internal sealed record AuthzSimpleOptions
{
    public required string Identity { get; init; }
}

[JsonConverter(typeof(JsonStringEnumConverter<AuthzPolicy>))]
internal enum AuthzPolicy
{
    [JsonStringEnumMemberName("deny")]
    Deny = 0,

    [JsonStringEnumMemberName("allow")]
    Allow = 1,
}

[JsonConverter(typeof(JsonStringEnumConverter<AuthzFormat>))]
internal enum AuthzFormat
{
    [JsonStringEnumMemberName("exact")]
    Exact = 0,

    [JsonStringEnumMemberName("glob")]
    Glob = 1,
}

internal sealed record AuthzRule
{
    public required string Match { get; init; }

    public required AuthzPolicy Policy { get; init; }

    public AuthzFormat? Format { get; init; }
}

internal sealed record AuthzListOptions
{
    public AuthzPolicy? Policy { get; init; }

    public IReadOnlyList<AuthzRule>? Rules { get; init; }
}

/// <summary>"authz-simple": one identity is allowed.</summary>
internal sealed class AuthzSimpleType() : ObjectType<AuthzSimpleOptions>("authz-simple", ObjectsJson.Default.AuthzSimpleOptions)
{
    protected override object Create(AuthzSimpleOptions options, IUserObjects others) => new Simple(options.Identity);

    private sealed class Simple(string allowed) : IAuthorization
    {
        public bool IsAllowed(string identity) => identity == allowed;
    }
}

/// <summary>"authz-list": the first rule that matches decides, else the policy (deny).</summary>
internal sealed class AuthzListType() : ObjectType<AuthzListOptions>("authz-list", ObjectsJson.Default.AuthzListOptions)
{
    protected override object Create(AuthzListOptions options, IUserObjects others) => new RuleList(options);

    private sealed class RuleList(AuthzListOptions options) : IAuthorization
    {
        public bool IsAllowed(string identity)
        {
            var rule = options.Rules?.FirstOrDefault(rule => Matches(rule, identity));
            return (rule?.Policy ?? options.Policy ?? AuthzPolicy.Deny) is AuthzPolicy.Allow;
        }

        private static bool Matches(AuthzRule rule, string identity) => rule.Format is AuthzFormat.Glob
            ? FileSystemName.MatchesSimpleExpression(rule.Match, identity, ignoreCase: false)
            : rule.Match == identity;
    }
}
