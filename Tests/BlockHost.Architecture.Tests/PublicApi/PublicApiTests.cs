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

    private static string Difference(string agreed, string actual)
    {
        var old = agreed.Split('\n');
        var now = actual.Split('\n');
        return string.Join(
            '\n', [.. old.Except(now).Select(line => "- " + line), .. now.Except(old).Select(line => "+ " + line)]);
    }
}
