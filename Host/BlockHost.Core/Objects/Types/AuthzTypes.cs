// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Objects;
using BlockHost.Qmp;

namespace BlockHost.Core.Objects.Types;

internal sealed record AuthzSimpleOptions
{
    public required string Identity { get; init; }
}

[JsonConverter(typeof(JsonStringEnumConverter<AuthzPolicy>))]
[QapiName("QAuthZListPolicy")]
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

[QapiName("QAuthZListRule")]
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
internal sealed class AuthzSimpleType : ObjectType<AuthzSimpleOptions>
{
    public override string Name => "authz-simple";

    public override string Parent => "authz";

    protected override JsonTypeInfo<AuthzSimpleOptions> TypedOptionsType => ObjectsJson.Default.AuthzSimpleOptions;

    protected override UserObject Create(IObjectContext context, AuthzSimpleOptions options) => new Simple(options);

    private sealed class Simple(
        AuthzSimpleOptions options) : UserObject<AuthzSimpleOptions>(ObjectsJson.Default.AuthzSimpleOptions), IAuthorization
    {
        private volatile AuthzSimpleOptions _options = options;

        protected override AuthzSimpleOptions Properties => _options;

        public bool IsAllowed(string identity) => identity == _options.Identity;

        protected override bool TryChange(string name, AuthzSimpleOptions changed)
        {
            _options = changed;
            return true;
        }
    }
}

/// <summary>"authz-list": the first rule that matches decides, else the policy (deny).</summary>
internal sealed class AuthzListType : ObjectType<AuthzListOptions>
{
    public override string Name => "authz-list";

    public override string Parent => "authz";

    protected override JsonTypeInfo<AuthzListOptions> TypedOptionsType => ObjectsJson.Default.AuthzListOptions;

    protected override UserObject Create(IObjectContext context, AuthzListOptions options) => new RuleList(options);

    private sealed class RuleList(
        AuthzListOptions options) : UserObject<AuthzListOptions>(ObjectsJson.Default.AuthzListOptions), IAuthorization
    {
        private volatile AuthzListOptions _options = options with
        {
            Policy = options.Policy ?? AuthzPolicy.Deny,
            Rules = options.Rules ?? [],
        };

        protected override AuthzListOptions Properties => _options;

        public bool IsAllowed(string identity) => AuthzRules.IsAllowed(_options, identity);

        protected override bool TryChange(string name, AuthzListOptions changed)
        {
            _options = changed;
            return true;
        }
    }
}
