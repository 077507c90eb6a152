// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Core.Qmp.Json;
using BlockHost.Qmp;

namespace BlockHost.Core.Qmp.Sessions;

/// <summary>One request as it came in, or the error that is its answer.</summary>
internal sealed class QmpRequest : IDisposable
{
    private readonly JsonMessage? _message;

    private QmpRequest(JsonMessage? message) => _message = message;

    /// <summary>Undefined where the client gave none.</summary>
    public JsonElement Id { get; private init; }

    public string Command { get; private init; } = "";

    /// <summary>Undefined where the client gave none.</summary>
    public JsonElement Arguments { get; private init; }

    public bool OutOfBand { get; private init; }

    /// <summary>Set where the request cannot be run.</summary>
    public QmpException? Error { get; private init; }

    public static QmpRequest Invalid(string error) => new(null) { Error = new QmpException(error) };

    /// <param name="oobEnabled">The client has negotiated out-of-band execution.</param>
    public static QmpRequest Parse(JsonMessage message, bool oobEnabled)
    {
        var root = message.Root;
        if (root.ValueKind != JsonValueKind.Object)
            return new(message) { Error = new QmpException("QMP input must be a JSON object") };
        JsonElement id = default, arguments = default;
        string? command = null, mistake = null;
        var outOfBand = false;
        foreach (var member in root.EnumerateObject())
        {
            switch (member.Name)
            {
                case "id":
                    id = member.Value;
                    break;
                case "arguments":
                    arguments = member.Value;
                    mistake ??= arguments.ValueKind == JsonValueKind.Object ? null : "QMP input member 'arguments' must be an object";
                    break;
                case "execute" or "exec-oob" when member.Name == "execute" || oobEnabled:
                    mistake ??= command is not null ? "QMP input member 'execute' clashes with 'exec-oob'"
                        : member.Value.ValueKind != JsonValueKind.String ? $"QMP input member '{member.Name}' must be a string" : null;
                    command = member.Value.ValueKind == JsonValueKind.String ? member.Value.GetString() : "";
                    outOfBand = member.Name == "exec-oob";
                    break;
                default:
                    mistake ??= $"QMP input member '{member.Name}' is unexpected";
                    break;
            }
        }

        mistake ??= command is null ? "QMP input lacks member 'execute'" : null;
        return new QmpRequest(message)
        {
            Id = id,
            Command = command ?? "",
            Arguments = arguments,
            OutOfBand = outOfBand && mistake is null,
            Error = mistake is null ? null : new QmpException(mistake),
        };
    }

    public void Dispose() => _message?.Dispose();
}
