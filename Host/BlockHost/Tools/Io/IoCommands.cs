// SPDX-License-Identifier: MIT
namespace BlockHost.Tools.Io;

internal static class IoCommands
{
    /// <summary>In the order of "help".</summary>
    public static IReadOnlyList<IoCommand> All { get; } =
    [
        new Commands.AioFlushCommand(),
        new Commands.AioReadCommand(),
        new Commands.AioWriteCommand(),
        new Commands.AllocCommand(),
        new Commands.CloseCommand(),
        new Commands.DiscardCommand(),
        new Commands.FlushCommand(),
        new Commands.HelpCommand(),
        new Commands.InfoCommand(),
        new Commands.LengthCommand(),
        new Commands.MapCommand(),
        new Commands.OpenCommand(),
        new Commands.QuitCommand(),
        new Commands.ReadCommand(),
        new Commands.ReadVectorCommand(),
        new Commands.ReopenCommand(),
        new Commands.SleepCommand(),
        new Commands.TruncateCommand(),
        new Commands.WriteCommand(),
        new Commands.WriteVectorCommand(),
    ];

    public static IoCommand? Find(string name) => All.FirstOrDefault(command => command.Name == name || command.AlternativeName == name);
}
