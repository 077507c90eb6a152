// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;

namespace BlockHost.Scsi;

/// <summary>
/// Lets through to a device which SCSI commands may reach it: those that only ask, and those that the user has named.
/// </summary>
/// <param name="named">Operation codes that the user has named, by x-blockhost-scsi-commands.</param>
/// <param name="device">The device's name, for messages.</param>
public sealed class ScsiRules(IReadOnlyList<byte>? named, string device)
{
    /// <summary>What suits any command that does not format a medium.</summary>
    public static readonly TimeSpan UsualTimeout = TimeSpan.FromSeconds(30);

    private const int LongestCommand = 16;

    /// <summary>What any adapter can move in one command.</summary>
    private const int MaxData = 512 * 1024;

    /// <summary>Formatting a disc is the longest that a drive is busy with.</summary>
    private static readonly TimeSpan MaxTimeout = TimeSpan.FromHours(1);

    /// <exception cref="BlockException">The request makes no sense, or must not be passed.</exception>
    public void Check(ScsiRequest request, bool isWritable)
    {
        CheckShape(request);
        var command = request.Command.Span;
        var isNamed = named?.Contains(command[0]) == true;
        if (!isNamed && !ScsiCommands.OnlyAsks(command))
        {
            throw Refused(
                $"SCSI command 0x{command[0]:x2} may change something on '{device}': x-blockhost-scsi-commands does not name it");
        }

        if (!isNamed && !request.DataOut.IsEmpty)
            throw Refused($"SCSI command 0x{command[0]:x2} sends no data");
        if (!request.DataOut.IsEmpty && !isWritable)
            throw Refused($"'{device}' is open for reading only: no data can be sent to it");
    }

    private static void CheckShape(ScsiRequest request)
    {
        if (request.Command.Length is 0 or > LongestCommand)
            throw Invalid($"A SCSI command has 1 to {LongestCommand} bytes");
        var code = request.Command.Span[0];
        if (ScsiCommands.LengthOf(code) is { } length && length != request.Command.Length)
            throw Invalid($"SCSI command 0x{code:x2} has {length} bytes, not {request.Command.Length}");
        if (!request.DataOut.IsEmpty && request.DataInLength != 0)
            throw Invalid("A SCSI command sends data or receives it");
        if (request.DataInLength is < 0 or > MaxData || request.DataOut.Length > MaxData)
            throw Invalid($"A SCSI command moves at most {MaxData} bytes");
        if (request.Timeout is { } timeout && (timeout <= TimeSpan.Zero || timeout > MaxTimeout))
            throw Invalid($"A SCSI command's timeout is above 0 and at most {MaxTimeout.TotalSeconds} seconds");
    }

    private static BlockException Invalid(string message) => new(BlockErrorKind.InvalidArgument, message);

    private static BlockException Refused(string message) => new(BlockErrorKind.PermissionDenied, message);
}
