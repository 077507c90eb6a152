// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Objects;
using BlockHost.Qmp;
using Microsoft.Extensions.Logging;

namespace BlockHost.Core.Objects.Types;

internal sealed record AuthzListFileOptions
{
    /// <summary>A file of JSON, an object with "policy" and "rules" as "authz-list" has them.</summary>
    public required string Filename { get; init; }

    /// <summary>Read it anew when it has changed; default: yes.</summary>
    public bool? Refresh { get; init; }
}

/// <summary>
/// "authz-listfile": as "authz-list", by rules in a file. Whether that has changed is looked at when somebody is asked about; one
/// that cannot be read then leaves the rules as they were.
/// </summary>
internal sealed class AuthzListFileType : ObjectType<AuthzListFileOptions>
{
    private const int MaxLength = 16 << 20;

    public override string Name => "authz-listfile";

    public override string Parent => "authz";

    protected override JsonTypeInfo<AuthzListFileOptions> TypedOptionsType => ObjectsJson.Default.AuthzListFileOptions;

    protected override UserObject Create(IObjectContext context, AuthzListFileOptions options) =>
        new RuleFile(options with { Refresh = options.Refresh ?? true }, context.Host.Loggers.CreateLogger(Name));

    /// <exception cref="QmpException">There is no such file, or its content is none.</exception>
    private static AuthzListOptions Read(string file)
    {
        try
        {
            if (new FileInfo(file).Length > MaxLength)
                throw new QmpException($"Unable to read '{file}': it has more than {MaxLength} bytes");
            using var document = JsonDocument.Parse(File.ReadAllBytes(file));
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                throw new QmpException($"File '{file}' must contain a JSON object");
            return document.RootElement.Deserialize(ObjectsJson.Default.AuthzListOptions)!;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new QmpException($"Unable to read '{file}': {FileErrors.Describe(e)}");
        }
        catch (JsonException e)
        {
            throw new QmpException($"Unable to parse '{file}': {e.Message}");
        }
    }

    private sealed class RuleFile : UserObject<AuthzListFileOptions>, IAuthorization
    {
        private readonly AuthzListFileOptions _options;
        private readonly ILogger _log;
        private readonly Lock _lock = new();
        private AuthzListOptions _rules;
        private (DateTime Changed, long Length) _version;

        public RuleFile(AuthzListFileOptions options, ILogger log)
            : base(ObjectsJson.Default.AuthzListFileOptions)
        {
            (_options, _log) = (options, log);
            _version = Version();
            _rules = Read(options.Filename);
        }

        protected override AuthzListFileOptions Properties => _options;

        public bool IsAllowed(string identity)
        {
            lock (_lock)
            {
                if (_options.Refresh == true)
                    Refresh();
                return AuthzRules.IsAllowed(_rules, identity);
            }
        }

        private void Refresh()
        {
            var version = Version();
            if (version == _version)
                return;
            _version = version;
            try
            {
                _rules = Read(_options.Filename);
            }
            catch (QmpException e)
            {
                _log.LogWarning("The rules stay as they were: {Reason}", e.Message);
            }
        }

        private (DateTime Changed, long Length) Version()
        {
            var file = new FileInfo(_options.Filename);
            return file.Exists ? (file.LastWriteTimeUtc, file.Length) : default;
        }
    }
}
