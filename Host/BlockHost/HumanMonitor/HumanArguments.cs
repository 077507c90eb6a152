// SPDX-License-Identifier: MIT
using System.Globalization;
using BlockHost.Core.Text;

namespace BlockHost.HumanMonitor;

/// <summary>What was typed behind a command's name.</summary>
internal sealed class HumanArguments
{
    private readonly Dictionary<string, string> _texts = new(StringComparer.Ordinal);
    private readonly Dictionary<string, long> _numbers = new(StringComparer.Ordinal);
    private readonly HashSet<string> _flags = new(StringComparer.Ordinal);

    public bool Has(string flag) => _flags.Contains(flag);

    public string? Text(string name) => _texts.GetValueOrDefault(name);

    public long Number(string name) => _numbers.GetValueOrDefault(name);

    /// <returns>What is wrong, in QEMU's words; null: nothing.</returns>
    public string? Parse(HumanCommand command, HumanLine line)
    {
        var known = command.Parameters.Where(parameter => parameter.Kind == HumanParameterKind.Flag).ToList();
        while (known.Count > 0 && line.PeekFlag() is { } letter)
        {
            if (!known.Any(flag => flag.Name[0] == letter))
                return $"{command.Names}: unsupported option -{letter}";
            _flags.Add(letter.ToString());
            line.SkipFlag();
        }

        foreach (var parameter in command.Parameters.Except(known))
        {
            if (parameter.IsOptional && line.IsAtEnd)
                continue;
            if (Take(parameter, line, command) is { } mistake)
                return mistake;
        }

        return line.IsAtEnd ? null : $"{command.Names}: extraneous characters at the end of line";
    }

    private string? Take(HumanParameter parameter, HumanLine line, HumanCommand command) => parameter.Kind switch
    {
        HumanParameterKind.Size => TakeSize(parameter.Name, line.ReadText()),
        HumanParameterKind.Number => TakeNumber(parameter.Name, line.ReadText()),
        HumanParameterKind.Device => TakeText(parameter.Name, line.ReadText(), $"{command.Names}: block device name expected"),
        HumanParameterKind.Rest =>
            TakeText(parameter.Name, line.IsAtEnd ? null : line.ReadRest(), $"{command.Names}: string expected"),
        HumanParameterKind.FileName => TakeText(parameter.Name, line.ReadText(), $"{command.Names}: filename expected"),
        _ => TakeText(parameter.Name, line.ReadText(), $"{command.Names}: string expected"),
    };

    private string? TakeText(string name, string? given, string missing)
    {
        if (given is null)
            return missing;
        _texts[name] = given;
        return null;
    }

    /// <summary>A size without a suffix is in MiB.</summary>
    private string? TakeSize(string name, string? given)
    {
        var text = given is { Length: > 0 } && char.IsAsciiDigit(given[^1]) ? given + "M" : given;
        if (text is null || SizeText.TryParse(text, out var size) != SizeError.None)
            return "invalid size";
        _numbers[name] = size;
        return null;
    }

    private string? TakeNumber(string name, string? given)
    {
        if (given is null)
            return "unexpected end of expression";
        if (!long.TryParse(given, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number))
            return $"invalid char '{given.FirstOrDefault(letter => !char.IsAsciiDigit(letter))}' in expression";
        _numbers[name] = number;
        return null;
    }
}
