// SPDX-License-Identifier: MIT
using BlockHost.Nbd;

namespace BlockHost.Plugins.Export.Nbd.Protocol;

/// <summary>What a connection agreed on and what it serves, as far as requests are judged by it.</summary>
internal readonly record struct RequestScope(long Size, bool ReadOnly, bool StructuredReplies, bool HasContexts);

/// <summary>A refused request: the error on the wire and a text for clients with structured replies.</summary>
internal readonly record struct Refusal(NbdError Error, string Message);

/// <summary>Which requests are taken (proto.md, "Request types"); hostile values stop here.</summary>
internal static class RequestRules
{
    /// <summary>Null: the request is sound.</summary>
    public static Refusal? Check(in NbdRequest request, in RequestScope scope)
    {
        if (request.Command is NbdCommand.Disconnect or NbdCommand.Flush)
            return CheckFlags(request, scope);
        if (request.Command > NbdCommand.BlockStatus)
            return Invalid($"invalid request type ({(ushort)request.Command}) received");
        if (CheckFlags(request, scope) is { } flags)
            return flags;
        if (CarriesData(request.Command) && request.Length > Wire.MaxPayload)
            return Invalid($"len ({request.Length}) is larger than max len ({Wire.MaxPayload})");
        if (scope.ReadOnly && Modifies(request.Command))
            return new(NbdError.NotPermitted, "Export is read-only");
        if (request.Offset > (ulong)scope.Size || request.Length > (ulong)scope.Size - request.Offset)
            return PastEnd(request, scope);
        return request.Command == NbdCommand.BlockStatus ? CheckStatus(request, scope) : null;
    }

    private static bool CarriesData(NbdCommand command) => command is NbdCommand.Read or NbdCommand.Write or NbdCommand.Cache;

    private static bool Modifies(NbdCommand command) => command is NbdCommand.Write or NbdCommand.WriteZeroes or NbdCommand.Trim;

    private static Refusal? CheckFlags(in NbdRequest request, in RequestScope scope)
    {
        // FUA is announced for every command: those that write nothing ignore it.
        var valid = CommandFlags.Fua | request.Command switch
        {
            NbdCommand.Read when scope.StructuredReplies => CommandFlags.DontFragment,
            NbdCommand.WriteZeroes => CommandFlags.NoHole | CommandFlags.FastZero,
            NbdCommand.BlockStatus => CommandFlags.RequestOne,
            _ => CommandFlags.None,
        };
        return (request.Flags & ~valid) == 0
            ? null
            : Invalid($"unsupported flags for command {NbdNames.Of(request.Command)} (got 0x{(ushort)request.Flags:x})");
    }

    private static Refusal PastEnd(in NbdRequest request, in RequestScope scope)
    {
        var error = request.Command is NbdCommand.Write or NbdCommand.WriteZeroes ? NbdError.NoSpace : NbdError.Invalid;
        return new(error, $"operation past EOF; From: {request.Offset}, Len: {request.Length}, Size: {scope.Size}");
    }

    private static Refusal? CheckStatus(in NbdRequest request, in RequestScope scope)
    {
        if (request.Length == 0)
            return Invalid("need non-zero length");
        return scope.HasContexts ? null : Invalid("CMD_BLOCK_STATUS not negotiated");
    }

    private static Refusal Invalid(string message) => new(NbdError.Invalid, message);
}
