// SPDX-License-Identifier: MIT
using System.Text.RegularExpressions;
using BlockHost.Block;
using BlockHost.Qmp;

namespace BlockHost.Images;

/// <summary>
/// QEMU's tools check the options of --image-opts as they open the image, not by their schema, and so in other words
/// than QMP does.
/// </summary>
internal static partial class LegacyOptionErrors
{
    private const string SizeHint =
        "Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\nand exabytes, respectively.";

    /// <param name="options">With the drivers of all nodes.</param>
    /// <param name="kindOf">Of a driver by its name.</param>
    public static BlockException Translate(QmpException error, IReadOnlyDictionary<string, string> options, Func<string, BlockDriverKind> kindOf)
    {
        if (Unexpected().Match(error.Message) is { Success: true } unexpected)
            return Unknown(unexpected.Groups[1].Value, options, kindOf);
        if (BadValue().Match(error.Message) is { Success: true } bad)
            return Wrong(bad.Groups[1].Value, bad.Groups[2].Value, error);
        if (Missing().Match(error.Message) is { Success: true } missing)
            return new(BlockErrorKind.InvalidArgument, MissingText(missing.Groups[1].Value, options, kindOf));
        return Number().Match(error.Message) is { Success: true } number
            ? WrongNumber(number.Groups[1].Value)
            : new(BlockErrorKind.InvalidArgument, error.Message);
    }

    private static BlockException Unknown(string path, IReadOnlyDictionary<string, string> options, Func<string, BlockDriverKind> kindOf)
    {
        var (node, name) = DriverOf(path, options);
        if (IsOfAddress(name))
            return new(BlockErrorKind.InvalidArgument, $"Parameter '{Leaf(name)}' is unexpected");
        return new(
            BlockErrorKind.InvalidArgument,
            kindOf(node) == BlockDriverKind.Protocol
                ? $"Block protocol '{node}' doesn't support the option '{name}'"
                : $"Block format '{node}' does not support the option '{name}'");
    }

    private static BlockException Wrong(string path, string value, QmpException error) => new(
        BlockErrorKind.InvalidArgument,
        Leaf(path) switch
        {
            "discard" => "Invalid discard option",
            "detect-zeroes" => $"invalid parameter value: {value}",
            "driver" => $"Unknown driver '{value}'",
            _ => error.Message,
        });

    private static BlockException WrongNumber(string name) => name.EndsWith("size", StringComparison.Ordinal)
        ? new(BlockErrorKind.InvalidArgument, $"Parameter '{name}' expects a non-negative number below 2^64") { Hint = SizeHint }
        : new(BlockErrorKind.InvalidArgument, $"Parameter '{name}' expects a number");

    private static string MissingText(string path, IReadOnlyDictionary<string, string> options, Func<string, BlockDriverKind> kindOf)
    {
        var (node, name) = DriverOf(path, options);
        if (path == "driver")
            return "Must specify either driver or file";
        if (IsOfAddress(name))
            return $"Parameter '{Leaf(name)}' is missing";
        return kindOf(node) == BlockDriverKind.Protocol && name == "filename"
            ? $"The '{node}' block driver requires a file name"
            : $"A block device must be specified for \"{name}\"";
    }

    /// <summary>What network drivers leave to the schema, whose words their users see.</summary>
    private static bool IsOfAddress(string name) => name.StartsWith("server.", StringComparison.Ordinal);

    private static string Leaf(string path) => path[(path.LastIndexOf('.') + 1)..];

    /// <summary>The driver of the node that an option is for, and the option's name there: the longest prefix that has a driver.</summary>
    private static (string Driver, string Name) DriverOf(string path, IReadOnlyDictionary<string, string> options)
    {
        for (var end = path.LastIndexOf('.'); end > 0; end = path.LastIndexOf('.', end - 1))
        {
            if (options.TryGetValue(path[..end] + ".driver", out var driver))
                return (driver, path[(end + 1)..]);
        }

        return (options.GetValueOrDefault("driver", ""), path);
    }

    [GeneratedRegex("^Parameter '(.*)' is unexpected$")]
    private static partial Regex Unexpected();

    [GeneratedRegex("^Parameter '(.*)' does not accept value '(.*)'$")]
    private static partial Regex BadValue();

    [GeneratedRegex("^Parameter '(.*)' expects (integer|a size|an? .*number.*)$")]
    private static partial Regex Number();

    [GeneratedRegex("^Parameter '(.*)' is missing$")]
    private static partial Regex Missing();
}
