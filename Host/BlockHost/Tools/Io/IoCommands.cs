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
        new BreakCommand(),
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
        new RemoveBreakCommand(),
        new ReopenCommand(),
        new ResumeCommand(),
        new RaiseSignalCommand(),
        new SleepCommand(),
        new TruncateCommand(),
        new WaitBreakCommand(),
        new WriteCommand(),
        new WriteVectorCommand(),
    ];

    public static IoCommand? Find(string name) => All.FirstOrDefault(command => command.Name == name || command.AlternativeName == name);
}
