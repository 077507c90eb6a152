// SPDX-License-Identifier: MIT
using System.Reflection;
using BlockHost.Architecture.Tests.Support;
using BlockHost.Plugins;

namespace BlockHost.Architecture.Tests.PublicApi;

/// <summary>
/// The contract as it was last agreed on. A wanted change is taken in with <c>BLOCKHOST_UPDATE_API=1</c> and reviewed as
/// a change of the text files beside this one.
/// </summary>
public sealed class PublicApiTests
{
    private static readonly bool Update = Environment.GetEnvironmentVariable("BLOCKHOST_UPDATE_API") == "1";

    [Fact]
    public void The_contracts_surface_is_the_one_agreed_on()
    {
        var path = Repository.PathOf("Tests", "BlockHost.Architecture.Tests", "PublicApi", "BlockHost.Abstractions.txt");
        var actual = ApiText.Of(typeof(Plugin).Assembly);
        if (Update)
            File.WriteAllText(path, actual);

        var agreed = File.ReadAllText(path);

        Assert.True(
            agreed == actual, $"The contract has changed (BLOCKHOST_UPDATE_API=1 takes it in):\n{Difference(agreed, actual)}");
    }

    /// <summary>
    /// Plugins that were compiled for version 1.0 call these members: others may come, they stay as they are. A new major version
    /// begins a new file.
    /// </summary>
    [Fact]
    public void What_version_1_0_has_stays()
    {
        var frozen = Members(File.ReadAllText(
            Repository.PathOf("Tests", "BlockHost.Architecture.Tests", "PublicApi", "BlockHost.Abstractions-1.0.txt")));

        Assert.Empty(frozen.Except(Members(ApiText.Of(typeof(Plugin).Assembly))));
    }

    /// <summary>Plugins have these numbers compiled in: new ones may come, old ones never change.</summary>
    [Fact]
    public void Enum_values_never_change()
    {
        var path = Repository.PathOf("Tests", "BlockHost.Architecture.Tests", "PublicApi", "EnumValues.txt");
        var actual = EnumValues().ToList();
        if (Update)
            File.WriteAllLines(path, File.ReadAllLines(path).Union(actual).Order(StringComparer.Ordinal));

        var golden = File.ReadAllLines(path);

        Assert.Empty(golden.Except(actual));
        Assert.Empty(actual.Except(golden));
    }

    private static IEnumerable<string> EnumValues() =>
        from type in typeof(Plugin).Assembly.GetExportedTypes()
        where type.IsEnum
        from name in Enum.GetNames(type)
        let line = $"{type.FullName}.{name} = {Convert.ToInt64(Enum.Parse(type, name), null)}"
        orderby line
        select line;

    /// <summary>Each member's line behind its type's; the type's own line stands for the type.</summary>
    private static IEnumerable<string> Members(string api) =>
        from type in api.Split("\n\n", StringSplitOptions.RemoveEmptyEntries)
        let lines = type.Split('\n', StringSplitOptions.RemoveEmptyEntries)
        from line in lines
        select $"{lines[0]}: {line.Trim()}";

    private static string Difference(string agreed, string actual)
    {
        var old = agreed.Split('\n');
        var now = actual.Split('\n');
        return string.Join(
            '\n', [.. old.Except(now).Select(line => "- " + line), .. now.Except(old).Select(line => "+ " + line)]);
    }
}
