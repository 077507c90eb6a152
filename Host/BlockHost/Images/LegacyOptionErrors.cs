// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Qmp;

namespace BlockHost.Images;

/// <summary>
/// QEMU's tools check the options of --image-opts as they open the image, not by their schema, and so in other words
/// than QMP does.
/// </summary>
internal static class LegacyOptionErrors
{
    private const string SizeHint =
        "Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\nand exabytes, respectively.";

    /// <param name="options">With the drivers of all nodes.</param>
    /// <param name="kindOf">Of a driver by its name.</param>
    public static BlockException Translate(
        Exception error,
        ParameterFault? fault,
        IReadOnlyDictionary<string, string> options,
        Func<string, BlockDriverKind> kindOf) => fault switch
        {
            { Kind: ParameterFaultKind.Unexpected } => Unknown(fault, options, kindOf),
            { Kind: ParameterFaultKind.NotAccepted } => Wrong(fault),
            { Kind: ParameterFaultKind.Missing } =>
                new(BlockErrorKind.InvalidArgument, MissingText(fault.Name, options, kindOf)) { Parameter = fault },
            // Where the graph itself reads numbers from texts, it speaks as the tools do.
            { Kind: ParameterFaultKind.OutOfRange } when error is QmpException && IsNumber(fault.Detail) =>
                WrongNumber(fault.Name),
            _ => error as BlockException ?? new(BlockErrorKind.InvalidArgument, error.Message, innerException: error),
        };

    private static bool IsNumber(string expected) =>
        expected is "integer" or "a size" || expected.Contains("number", StringComparison.Ordinal);

    private static BlockException Unknown(
        ParameterFault fault, IReadOnlyDictionary<string, string> options, Func<string, BlockDriverKind> kindOf)
    {
        var (node, name) = DriverOf(fault.Name, options);
        if (IsOfAddress(name))
            return new(ParameterFault.Unexpected(Leaf(name)));
        return new(
            BlockErrorKind.InvalidArgument,
            kindOf(node) == BlockDriverKind.Protocol
                ? $"Block protocol '{node}' doesn't support the option '{name}'"
                : $"Block format '{node}' does not support the option '{name}'")
        {
            Parameter = ParameterFault.Unexpected(name),
        };
    }

    private static BlockException Wrong(ParameterFault fault) => new(
        BlockErrorKind.InvalidArgument,
        Leaf(fault.Name) switch
        {
            "discard" => "Invalid discard option",
            "detect-zeroes" => $"invalid parameter value: {fault.Detail}",
            "driver" => $"Unknown driver '{fault.Detail}'",
            _ => fault.ToString(),
        })
    {
        Parameter = fault,
    };

    private static BlockException WrongNumber(string name) => name.EndsWith("size", StringComparison.Ordinal)
        ? new(ParameterFault.OutOfRange(name, "a non-negative number below 2^64")) { Hint = SizeHint }
        : new(ParameterFault.OutOfRange(name, "a number"));

    private static string MissingText(
        string path, IReadOnlyDictionary<string, string> options, Func<string, BlockDriverKind> kindOf)
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

    /// <summary>
    /// The driver of the node that an option is for, and the option's name there: the longest prefix that has a driver.
    /// </summary>
    private static (string Driver, string Name) DriverOf(string path, IReadOnlyDictionary<string, string> options)
    {
        for (var end = path.LastIndexOf('.'); end > 0; end = path.LastIndexOf('.', end - 1))
        {
            if (options.TryGetValue(path[..end] + ".driver", out var driver))
                return (driver, path[(end + 1)..]);
        }

        return (options.GetValueOrDefault("driver", ""), path);
    }
}
