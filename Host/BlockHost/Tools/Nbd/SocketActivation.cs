// SPDX-License-Identifier: MIT
using System.Globalization;
using BlockHost.CommandLine;

namespace BlockHost.Tools.Nbd;

/// <summary>A listening socket that a service manager hands over as descriptor 3 (LISTEN_PID, LISTEN_FDS).</summary>
internal static class SocketActivation
{
    public const string FirstDescriptor = "3";

    /// <returns>Whether there is one.</returns>
    /// <exception cref="ToolException">There are several, or the options say where to listen.</exception>
    public static bool Check(NbdOptions options)
    {
        if (Number("LISTEN_PID") != Environment.ProcessId || Number("LISTEN_FDS") is not (> 0 and var count))
            return false;
        if (Conflict(options) is { } conflict)
            throw new ToolException(conflict);
        return count == 1 ? true : throw new ToolException("qemu-nbd does not support socket activation with LISTEN_FDS > 1");
    }

    private static string? Conflict(NbdOptions options)
    {
        if (options.Device is not null)
            return "NBD device can't be set when using socket activation";
        if (options.Socket is not null)
            return "Unix socket can't be set when using socket activation";
        if (options.Given.Contains("b"))
            return "The interface can't be set when using socket activation";
        if (options.Given.Contains("p"))
            return "TCP port number can't be set when using socket activation";
        if (options.SelinuxLabel is not null)
            return "SELinux label can't be set when using socket activation";
        return options.Action == NbdAction.List ? "List mode is incompatible with socket activation" : null;
    }

    private static int? Number(string variable) =>
        int.TryParse(
            Environment.GetEnvironmentVariable(variable),
            NumberStyles.None,
            CultureInfo.InvariantCulture,
            out var number) ? number : null;
}
