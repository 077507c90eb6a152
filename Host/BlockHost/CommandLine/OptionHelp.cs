// SPDX-License-Identifier: MIT
using BlockHost.Core.Qapi;
using BlockHost.Qmp;

namespace BlockHost.CommandLine;

/// <summary>
/// Help in place of an option's argument:
/// <code>
///   --object help            the types          --object secret,help    the options of one
///   --blockdev help          the drivers        --blockdev raw,help
///   --export help            the export types   --export nbd,help
/// </code>
/// </summary>
internal static class OptionHelp
{
    public static bool IsAskedFor(string argument) => !argument.StartsWith('{') && Words(argument).Any(IsHelp);

    /// <returns>The exception that ends the tool with the help.</returns>
    /// <exception cref="ToolException">There is no driver or export type of that name.</exception>
    public static async ValueTask<ToolException> OfAsync(
        QapiHelp schema, QapiExtension union, string argument, CancellationToken cancellationToken)
    {
        var first = Words(argument)[0];
        var isObject = union == QapiExtension.ObjectOptions;
        var names = schema.Names(union);
        var name = first[(first.IndexOf('=') + 1)..];
        // QEMU lists the types where it does not know one.
        if (IsHelp(first) || (isObject && !names.Contains(name)))
            return ToolException.Show(List(Heading(union), names));
        if (!names.Contains(name))
            throw ToolException.Unknown($"There is no {Noun(union)} '{name}'", name, names);
        var options = await schema.OptionsAsync(union, name, withCommon: !isObject, cancellationToken);
        return ToolException.Show(options.Count == 0 ? $"There are no options for {name}.\n" : List($"{name} options:", options));
    }

    /// <summary>A doubled comma is one within a value.</summary>
    private static string[] Words(string argument) => argument.Replace(",,", "\0", StringComparison.Ordinal).Split(',');

    private static bool IsHelp(string word) => word is "help" or "?";

    private static string Heading(QapiExtension union) => union switch
    {
        QapiExtension.ObjectOptions => "List of user creatable objects:",
        QapiExtension.BlockExportOptions => "Export types:",
        _ => "Block drivers:",
    };

    private static string Noun(QapiExtension union) => union switch
    {
        QapiExtension.BlockExportOptions => "export type",
        _ => "block driver",
    };

    private static string List(string heading, IEnumerable<string> lines) =>
        string.Concat(lines.Select(line => $"  {line}\n").Prepend(heading + "\n"));
}
