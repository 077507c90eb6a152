// SPDX-License-Identifier: MIT
using BlockHost.CommandLine;

namespace BlockHost.Tools.Io;

/// <summary>Options and operands of one command line.</summary>
internal sealed class IoArguments
{
    private readonly List<(char Option, string? Value)> _options = [];
    private readonly List<string> _operands = [];

    /// <param name="options">In getopt's notation.</param>
    public IoArguments(IoCommand command, IReadOnlyList<string> args, string options)
    {
        foreach (var item in GetOpt.Read(args, new OptionTable(options)))
        {
            if (item.Kind == GetOptKind.Operand)
                _operands.Add(item.Value!);
            else if (item.Kind == GetOptKind.Option)
                Add(item.Key[0], item.Value);
            else
                throw new IoCommandException($"{command.Name}: {GetOpt.Describe(item)}")
                { ToErrorStream = true, ShowUsage = true };
        }
    }

    public IReadOnlyList<string> Operands => _operands;

    public bool Has(char option) => Count(option) > 0;

    public int Count(char option) => _options.Count(given => given.Option == option);

    /// <summary>The option's value where it was given, the last one where it was given more than once.</summary>
    public string? this[char option] => _options.LastOrDefault(given => given.Option == option).Value;

    public IEnumerable<string> All(char option) => _options.Where(given => given.Option == option).Select(given => given.Value!);

    /// <exception cref="IoCommandException">Not that many operands.</exception>
    public void Expect(int min, int max)
    {
        if (_operands.Count < min || _operands.Count > max)
            throw new IoCommandException() { ShowUsage = true };
    }

    /// <summary>-P, a byte.</summary>
    public byte? Pattern() => this['P'] is { } text ? IoNumbers.Pattern(text) : null;

    public long Offset(int operand) => IoNumbers.Size(_operands[operand]);

    // A wrong pattern is told before anything else is looked at, as the option is read.
    private void Add(char option, string? value)
    {
        _options.Add((option, value));
        if (option == 'P')
            IoNumbers.Pattern(value!);
    }
}
