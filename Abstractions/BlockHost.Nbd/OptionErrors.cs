// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Nbd;

/// <summary>A server's refusal of an option, as QEMU's clients say it.</summary>
internal static class OptionErrors
{
    /// <param name="text">The server's own words, or "".</param>
    public static BlockException Of(NbdOption option, OptionReply reply, string text)
    {
        var about = $"option {(uint)option} ({NbdNames.Of(option)})";
        var (kind, message) = reply switch
        {
            OptionReply.ErrUnsupported => (BlockErrorKind.NotSupported, $"Unsupported {about}"),
            OptionReply.ErrPolicy => (BlockErrorKind.PermissionDenied, $"Denied by server for {about}"),
            OptionReply.ErrInvalid => (BlockErrorKind.InvalidArgument, $"Invalid parameters for {about}"),
            OptionReply.ErrPlatform => (BlockErrorKind.NotSupported, $"Server lacks support for {about}"),
            OptionReply.ErrTlsRequired => (BlockErrorKind.PermissionDenied, $"TLS negotiation required before {about}"),
            OptionReply.ErrUnknown => (BlockErrorKind.NotFound, "Requested export not available"),
            OptionReply.ErrShutdown => (BlockErrorKind.ShuttingDown, $"Server shutting down before {about}"),
            OptionReply.ErrBlockSizeRequired => (BlockErrorKind.InvalidArgument, $"Server requires INFO_BLOCK_SIZE for {about}"),
            _ => (BlockErrorKind.InvalidArgument, $"Unknown error code when asking for {about}"),
        };
        string[] hints = [
            reply == OptionReply.ErrTlsRequired ? "Did you forget a valid tls-creds?" : "",
            text.Length > 0 ? $"server reported: {text}" : ""];
        var hint = string.Join('\n', hints.Where(line => line.Length > 0));
        return new BlockException(kind, message) { Hint = hint.Length > 0 ? hint : null };
    }
}
