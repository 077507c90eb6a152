// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Core.Descriptors;
using BlockHost.Core.Json;
using BlockHost.Qmp;

namespace BlockHost.Core.Qmp.Sessions;

/// <summary>One request as it came in, or the error that is its answer.</summary>
internal sealed class QmpRequest : IDisposable
{
    private readonly JsonMessage? _message;

    private QmpRequest(JsonMessage? message) => _message = message;

    /// <summary>Bytes of the request.</summary>
    public int Length => _message?.Length ?? 0;

    /// <summary>Undefined where the client gave none.</summary>
    public JsonElement Id { get; private init; }

    public string Command { get; private init; } = "";

    /// <summary>Undefined where the client gave none.</summary>
    public JsonElement Arguments { get; private init; }

    public bool OutOfBand { get; private init; }

    /// <summary>Descriptors that came with it, or before it; null: none.</summary>
    public ReceivedDescriptors? Received { get; set; }

    /// <summary>Set where the request cannot be run.</summary>
    public QmpException? Error { get; private init; }

    public static QmpRequest Invalid(string error) => new(null) { Error = new QmpException(error) };

    /// <param name="oobEnabled">The client has negotiated out-of-band execution.</param>
    public static QmpRequest Parse(JsonMessage message, bool oobEnabled)
    {
        var root = message.Root;
        if (root.ValueKind != JsonValueKind.Object)
            return new(message) { Error = new QmpException("QMP input must be a JSON object") };
        var parts = new Parts();
        foreach (var member in root.EnumerateObject())
            parts.Take(member, oobEnabled);
        var mistake = parts.Mistake ?? (parts.Command is null ? "QMP input lacks member 'execute'" : null);
        return new QmpRequest(message)
        {
            Id = parts.Id,
            Command = parts.Command ?? "",
            Arguments = parts.Arguments,
            OutOfBand = parts.OutOfBand && mistake is null,
            Error = mistake is null ? null : new QmpException(mistake),
        };
    }

    public void Dispose() => _message?.Dispose();

    /// <summary>The members of a request as they are found, and the first mistake among them.</summary>
    private struct Parts
    {
        public JsonElement Id;
        public JsonElement Arguments;
        public string? Command;
        public bool OutOfBand;
        public string? Mistake;

        public void Take(JsonProperty member, bool oobEnabled)
        {
            if (member.NameEquals("execute"u8))
                TakeCommand(member, outOfBand: false);
            else if (oobEnabled && member.NameEquals("exec-oob"u8))
                TakeCommand(member, outOfBand: true);
            else if (member.NameEquals("id"u8))
                Id = member.Value;
            else if (member.NameEquals("arguments"u8))
                TakeArguments(member.Value);
            else
                Mistake ??= $"QMP input member '{member.Name}' is unexpected";
        }

        private void TakeCommand(JsonProperty member, bool outOfBand)
        {
            var isString = member.Value.ValueKind == JsonValueKind.String;
            if (Command is not null)
                Mistake ??= "QMP input member 'execute' clashes with 'exec-oob'";
            else if (!isString)
                Mistake ??= $"QMP input member '{member.Name}' must be a string";
            Command = isString ? member.Value.GetString() : "";
            OutOfBand = outOfBand;
        }

        private void TakeArguments(JsonElement value)
        {
            Arguments = value;
            if (value.ValueKind != JsonValueKind.Object)
                Mistake ??= "QMP input member 'arguments' must be an object";
        }
    }
}
