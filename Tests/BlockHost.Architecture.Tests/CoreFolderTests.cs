// SPDX-License-Identifier: MIT
using System.Text.RegularExpressions;
using BlockHost.Architecture.Tests.Support;

namespace BlockHost.Architecture.Tests;

/// <summary>
/// The folders of the core library stand on each other in one order:
/// <code>
///   Qmp ─► Qapi ─┬─► Plugins
///                └─► Json, Text ◄─── Block ◄─── Images
/// </code>
/// The graph does not see the management protocol.
/// </summary>
public sealed partial class CoreFolderTests
{
    [Theory]
    [InlineData("Text")]
    [InlineData("Json", "Memory")]
    [InlineData("Qapi", "Json", "Text", "Plugins")]
    [InlineData("Yank", "Json")]
    [InlineData("Images", "Block", "Json")]
    [InlineData("Block", "Json", "Text", "Logging", "Memory", "Yank")]
    public void A_folder_uses_only_what_stands_below_it(string folder, params string[] below)
    {
        var used =
            from file in Repository.Sources(["Host/BlockHost.Core/" + folder])
            from Match match in CoreNamespace().Matches(File.ReadAllText(file))
            select match.Groups[1].Value;

        Assert.Empty(used.Distinct().Except([folder, .. below]));
    }

    [GeneratedRegex(@"^using (?:static )?BlockHost\.Core\.(\w+)", RegexOptions.Multiline)]
    private static partial Regex CoreNamespace();
}
