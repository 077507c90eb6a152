// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Plugins.Filter.Blkdebug.Rules;

namespace BlockHost.Plugins.Filter.Blkdebug.Configuration;

/// <summary>
/// A rule as configuration files and command lines write it: names and texts. Of a name that comes twice the last counts.
/// </summary>
internal sealed class RuleText(string group)
{
    public const string InjectError = "inject-error";
    public const string SetState = "set-state";

    private static readonly string[] InjectErrorNames = ["event", "state", "iotype", "errno", "sector", "once", "immediately"];
    private static readonly string[] SetStateNames = ["event", "state", "new_state"];

    private readonly Dictionary<string, string> _values = [];

    public string Group { get; } = group is InjectError or SetState ? group : throw Wrong($"There is no option group '{group}'");

    /// <exception cref="BlockException">There is no such name, or the value is not of its type.</exception>
    public void Set(string name, string value)
    {
        if (!(Group == InjectError ? InjectErrorNames : SetStateNames).Contains(name))
            throw Wrong($"Invalid parameter '{name}'");
        _values[name] = value;
        if (name is "once" or "immediately")
            _ = Switch(name);
        else if (name is not ("event" or "iotype"))
            _ = Number(name, 0);
    }

    /// <exception cref="BlockException">The event is missing, or a value is none of the known ones.</exception>
    public Rule ToRule()
    {
        var at = _values.TryGetValue("event", out var name)
            ? Choice(name, BlkdebugJson.Default.BlkdebugEvent)
            : throw Wrong("Missing event name for rule");
        var state = (int)Number("state", 0);
        if (Group == SetState)
            return new SetStateRule(at, state, (int)Number("new_state", 0));
        return InjectRule.From(new BlkdebugInjectErrorOptions
        {
            Event = at,
            State = state,
            Iotype = _values.TryGetValue("iotype", out var type) ? Choice(type, BlkdebugJson.Default.BlkdebugIOType) : null,
            Errno = Number("errno", Errno.EIO),
            Sector = Number("sector", -1),
            Once = Switch("once"),
            Immediately = Switch("immediately"),
        });
    }

    public static BlockException Wrong(string message) => new(BlockErrorKind.InvalidArgument, message);

    private static T Choice<T>(string name, JsonTypeInfo<T> type)
    {
        try
        {
            return JsonSerializer.SerializeToElement(name, BlkdebugJson.Default.String).Deserialize(type)!;
        }
        catch (JsonException)
        {
            throw Wrong($"invalid parameter value: {name}");
        }
    }

    /// <summary>As C's strtoull takes it: decimal, hexadecimal or octal, with a sign.</summary>
    private long Number(string name, long absent)
    {
        if (!_values.TryGetValue(name, out var text))
            return absent;
        var digits = text.AsSpan().TrimStart();
        var isNegative = digits.StartsWith("-");
        digits = isNegative || digits.StartsWith("+") ? digits[1..] : digits;
        if (!TryParse(digits, out var value))
            throw Wrong($"Parameter '{name}' expects a number");
        return unchecked(isNegative ? -(long)value : (long)value);
    }

    private static bool TryParse(ReadOnlySpan<char> digits, out ulong value)
    {
        if (digits.StartsWith("0x", StringComparison.OrdinalIgnoreCase))
            return ulong.TryParse(digits[2..], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value);
        if (digits.Length <= 1 || digits[0] != '0')
            return ulong.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out value);
        value = 0;
        foreach (var digit in digits)
        {
            if (digit is < '0' or > '7' || value >> 61 != 0)
                return false;
            value = value * 8 + (ulong)(digit - '0');
        }

        return true;
    }

    private bool Switch(string name) => _values.TryGetValue(name, out var text) && text switch
    {
        "on" or "yes" or "true" or "y" => true,
        "off" or "no" or "false" or "n" => false,
        _ => throw Wrong($"Parameter '{name}' expects 'on' or 'off'"),
    };
}
