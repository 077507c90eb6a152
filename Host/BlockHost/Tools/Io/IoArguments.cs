// SPDX-License-Identifier: MIT
using System.Globalization;
using BlockHost.CommandLine;

namespace BlockHost.Tools.Io;

/// <summary>Options and operands of one command line.</summary>
internal sealed class IoArguments
{
    /// <summary>Largest length of one request: what fits a signed 32-bit count of whole sectors.</summary>
    public const long MaxLength = int.MaxValue / 512 * 512L;

    private readonly Dictionary<char, string?> _options = [];
    private readonly List<string> _operands = [];

    /// <param name="options">In getopt's notation.</param>
    public IoArguments(IoCommand command, IReadOnlyList<string> args, string options)
    {
        foreach (var item in GetOpt.Read(args, new OptionTable(options)))
        {
            if (item.Kind == GetOptKind.Operand)
                _operands.Add(item.Value!);
            else if (item.Kind == GetOptKind.Option)
                _options[item.Key[0]] = item.Value;
            else
                throw new IoCommandException($"{command.Name}: {GetOpt.Describe(item)}") { ToErrorStream = true, ShowUsage = true };
        }
    }

    public IReadOnlyList<string> Operands => _operands;

    public bool Has(char option) => _options.ContainsKey(option);

    public string? this[char option] => _options.GetValueOrDefault(option);

    /// <exception cref="IoCommandException">Not that many operands.</exception>
    public void Expect(int min, int max)
    {
        if (_operands.Count < min || _operands.Count > max)
            throw new IoCommandException() { ShowUsage = true };
    }

    /// <summary>-P, a byte.</summary>
    public byte? Pattern()
    {
        if (this['P'] is not { } text)
            return null;
        var hex = text.StartsWith("0x", StringComparison.OrdinalIgnoreCase);
        var good = int.TryParse(hex ? text[2..] : text, hex ? NumberStyles.HexNumber : NumberStyles.None, CultureInfo.InvariantCulture, out var value);
        return good && value is >= 0 and <= 255 ? (byte)value : throw new IoCommandException($"{text} is not a valid pattern byte");
    }

    public static long Size(string text) => Sizes.TryParse(text, out var bytes) switch
    {
        SizeError.None => bytes,
        SizeError.OutOfRange => throw new IoCommandException($"Parsing error: argument too large -- {text}"),
        _ => throw new IoCommandException($"Parsing error: non-numeric argument, or extraneous/unrecognized suffix -- {text}"),
    };

    public long Offset(int operand) => Size(_operands[operand]);

    public long Length(int operand)
    {
        var length = Size(_operands[operand]);
        return length <= MaxLength ? length : throw new IoCommandException($"length cannot exceed {MaxLength}, given {_operands[operand]}");
    }
}
