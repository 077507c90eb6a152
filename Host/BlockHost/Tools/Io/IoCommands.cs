// SPDX-License-Identifier: MIT
using BlockHost.Tools.Io.Commands;

namespace BlockHost.Tools.Io;

internal static class IoCommands
{
    /// <summary>In the order of "help".</summary>
    public static IReadOnlyList<IoCommand> All { get; } =
    [
        new AbortCommand(),
        new AioFlushCommand(),
        new AioReadCommand(),
        new AioWriteCommand(),
        new AllocCommand(),
        BreakpointCommand.Break,
        new CloseCommand(),
        new DiscardCommand(),
        new FlushCommand(),
        new HelpCommand(),
        new InfoCommand(),
        new LengthCommand(),
        new MapCommand(),
        new OpenCommand(),
        new QuitCommand(),
        new ReadCommand(),
        new ReadVectorCommand(),
        BreakpointCommand.Remove,
        new ReopenCommand(),
        BreakpointCommand.Resume,
        new RaiseSignalCommand(),
        new SleepCommand(),
        new TruncateCommand(),
        BreakpointCommand.Wait,
        new WriteCommand(),
        new WriteVectorCommand(),
    ];

    /// <summary>
    /// Those that a daemon's monitor has: what ends the process, or opens and closes images, is not among them.
    /// </summary>
    public static IoCommand? FindShared(string name) =>
        Find(name) is not (AbortCommand or CloseCommand or OpenCommand or QuitCommand or RaiseSignalCommand or ReopenCommand)
            and var found ? found : null;

    public static IoCommand? Find(string name) =>
        All.FirstOrDefault(command => command.Name == name || command.AlternativeName == name);
}
