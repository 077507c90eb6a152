// SPDX-License-Identifier: MIT
namespace BlockHost.Nbd;

/// <summary>The protocol's words in messages, as other programs write them.</summary>
public static class NbdNames
{
    private const string Unknown = "<unknown>";

    public static string Of(NbdOption option) => option switch
    {
        NbdOption.ExportName => "export name",
        NbdOption.Abort => "abort",
        NbdOption.List => "list",
        NbdOption.StartTls => "starttls",
        NbdOption.Info => "info",
        NbdOption.Go => "go",
        NbdOption.StructuredReply => "structured reply",
        NbdOption.ListMetaContext => "list meta context",
        NbdOption.SetMetaContext => "set meta context",
        _ => Unknown,
    };

    public static string Of(OptionReply reply) => reply switch
    {
        OptionReply.Ack => "ack",
        OptionReply.Server => "server",
        OptionReply.Info => "info",
        OptionReply.MetaContext => "meta context",
        _ => Unknown,
    };

    public static string Of(NbdCommand command) => command switch
    {
        NbdCommand.Read => "read",
        NbdCommand.Write => "write",
        NbdCommand.Disconnect => "disconnect",
        NbdCommand.Flush => "flush",
        NbdCommand.Trim => "trim",
        NbdCommand.Cache => "cache",
        NbdCommand.WriteZeroes => "write zeroes",
        NbdCommand.BlockStatus => "block status",
        _ => Unknown,
    };
}
