// SPDX-License-Identifier: MIT
namespace BlockHost.Tools.Io;

/// <summary>A command of the shell.</summary>
internal abstract class IoCommand
{
    public abstract string Name { get; }

    public virtual string? AlternativeName => null;

    /// <summary>What follows the name: "[-Cq] off len".</summary>
    public virtual string? Arguments => null;

    public abstract string Summary { get; }

    /// <summary>What "help command" prints below the command's line.</summary>
    public virtual string Details => "";

    public virtual int MinArguments => 0;

    public virtual int MaxArguments => 0;

    public virtual bool NeedsImage => true;

    /// <summary>Fails on an image that is open for reading only, before the arguments are looked at.</summary>
    public virtual bool NeedsWriting => false;

    public string OneLine => Arguments is null ? $"{Name} -- {Summary}" : $"{Name} {Arguments} -- {Summary}";

    /// <exception cref="IoCommandException">The command failed.</exception>
    public abstract ValueTask RunAsync(IoSession session, IReadOnlyList<string> args, CancellationToken cancellationToken);
}

/// <summary>A command failed; its lines are printed as they are.</summary>
internal sealed class IoCommandException(params string[] lines) : Exception(string.Join('\n', lines))
{
    public IReadOnlyList<string> Lines { get; } = lines;

    /// <summary>The lines go to standard error: the system's and getopt's words, not the command's own.</summary>
    public bool ToErrorStream { get; init; }

    /// <summary>Print the command's one-line help, too.</summary>
    public bool ShowUsage { get; init; }
}
