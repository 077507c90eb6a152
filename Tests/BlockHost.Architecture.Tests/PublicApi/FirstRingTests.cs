// SPDX-License-Identifier: MIT
using System.Reflection;
using BlockHost.Architecture.Tests.Support;
using BlockHost.Block;
using BlockHost.Plugins;

namespace BlockHost.Architecture.Tests.PublicApi;

/// <summary>
/// What somebody has to read who writes a block driver: the types that its base classes and the host's side of a node speak of.
/// Abilities (facets) are asked for by type, so an author reads those that the driver has. The graph, jobs, exports, devices and
/// the management protocol are the second ring, behind <see cref="IPluginHost"/>.
/// </summary>
public sealed class FirstRingTests
{
    private static readonly Type[] Roots =
        [
            typeof(Plugin), typeof(PluginEntryAttribute), typeof(BlockDriver<>), typeof(BlockNode), typeof(BlockFilterNode),
            typeof(ChildOpening), typeof(BlockException)];

    private static readonly string[] SecondRing =
        [
            "BlockHost.Block.Graph", "BlockHost.Block.Bitmaps", "BlockHost.Jobs", "BlockHost.Exports", "BlockHost.Devices",
            "BlockHost.Qmp", "BlockHost.Yank"];

    [Fact]
    public void A_drivers_author_reads_seventy_types_at_the_most()
    {
        var types = FirstRing();

        Assert.True(types.Count <= 70, $"{types.Count} types:\n{string.Join('\n', types.Select(type => type.FullName).Order())}");
    }

    [Fact]
    public void The_first_ring_does_not_speak_of_the_second() =>
        Assert.Empty(FirstRing().Where(type => SecondRing.Contains(type.Namespace)).Select(type => type.FullName));

    /// <summary>Lines of code: neither blank nor a comment.</summary>
    [Fact]
    public void The_smallest_useful_driver_has_sixty_lines_at_the_most()
    {
        var lines = Directory.EnumerateFiles(Repository.PathOf("samples", "Example.Ram"), "*.cs").SelectMany(File.ReadLines);

        var code = lines.Select(line => line.Trim())
            .Where(line => line.Length > 0 && !line.StartsWith("//", StringComparison.Ordinal)).ToList();

        Assert.InRange(code.Count, 30, 60);
        Assert.Contains(code, line => line.Contains(": BlockDriver<", StringComparison.Ordinal));
        Assert.Contains(code, line => line.Contains("PluginEntry(", StringComparison.Ordinal));
    }

    private static HashSet<Type> FirstRing()
    {
        var found = new HashSet<Type>();
        var open = new Stack<Type>(Roots);
        while (open.TryPop(out var type))
        {
            if (!found.Add(type) || type == typeof(IPluginHost))
                continue;
            foreach (var next in SpokenOf(type).SelectMany(Parts).Where(
                next => next.Assembly == typeof(Plugin).Assembly && next.IsVisible))
                open.Push(next);
        }

        return found;
    }

    private static IEnumerable<Type> SpokenOf(Type type)
    {
        var which = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.DeclaredOnly;
        if (type is { IsAbstract: true, IsSealed: true })
            which |= BindingFlags.Static;
        foreach (var other in type.GetInterfaces().Append(type.BaseType).OfType<Type>())
            yield return other;
        foreach (var method in type.GetMethods(which).Cast<MethodBase>().Concat(type.GetConstructors(which)).Where(IsForOthers))
        {
            foreach (var parameter in method.GetParameters())
                yield return parameter.ParameterType;
            if (method is MethodInfo { ReturnType: var result })
                yield return result;
        }

        foreach (var field in type.GetFields(which).Where(field => field.IsPublic || field.IsFamily))
            yield return field.FieldType;
    }

    private static bool IsForOthers(MethodBase method) => method.IsPublic || method.IsFamily || method.IsFamilyOrAssembly;

    /// <summary>The type without its decoration, and what its arguments are.</summary>
    private static IEnumerable<Type> Parts(Type type)
    {
        if (type.HasElementType)
            return Parts(type.GetElementType()!);
        if (type.IsGenericParameter)
            return type.GetGenericParameterConstraints().SelectMany(Parts);
        return type.IsGenericType ? [type.GetGenericTypeDefinition(), .. type.GetGenericArguments().SelectMany(Parts)] : [type];
    }
}
