// SPDX-License-Identifier: MIT
using System.Text;
using BlockHost.Block.Facets;
using BlockHost.Core.Plugins;
using BlockHost.Core.Qapi;
using BlockHost.Plugins;

namespace BlockHost.Qmp.Tests.Support;

/// <summary>Commands, events and what plugins add to the protocol's unions, as Markdown.</summary>
internal sealed class ReferenceWriter(PluginManager plugins, QapiTypes types, QapiBranches branches)
{
    private readonly StringBuilder _text = new();

    public string Write()
    {
        Line("# QMP reference");
        Line(
            "Written from the registered types by a test (`ReferenceTests`). `?` marks what may be left out. The protocol itself, its");
        _text.Append("errors and its out-of-band execution are QEMU 7.2's; `query-qmp-schema` tells all of this to programs.\n");
        Line("## Commands");
        foreach (var command in plugins.Of(
            ProvidedKind.Command).Loaded.Select(c =>
                c.Value).Where(c => !c.Flags.HasFlag(QmpCommandFlags.Hidden)).OrderBy(c => c.Name, StringComparer.Ordinal))
        {
            Line($"### {command.Name}" + (command.Flags.HasFlag(
                QmpCommandFlags.AllowOutOfBand) ? " (out of band too)" : "") + Features(command.Features));
            Members(command.ArgumentsType is { } arguments ? types.Get(arguments) : QapiTypes.Empty, "takes nothing");
            if (command.ReturnType is { } returns)
                Line($"Returns {Describe(types.Get(returns), [])}.");
        }

        Line("## Events");
        foreach (var item in plugins.Of(ProvidedKind.Event).Loaded.Select(e => e.Value)
            .OrderBy(e => e.Name, StringComparer.Ordinal))
        {
            Line($"### {item.Name}" + Features(item.Features));
            Members(types.GetObject(item.DataType), "has no data");
        }

        Options();
        return _text.ToString();
    }

    private void Options()
    {
        Line("## Options of drivers (BlockdevOptions)");
        Line("Every node has these, and those of its driver:");
        Members(branches.Union(QapiExtension.BlockdevOptions), "");
        foreach (var driver in Drivers())
            Branch(driver.FormatName, types.Get(driver.OptionsType));
        Line("## Options of new images (BlockdevCreateOptions)");
        foreach (var driver in Drivers())
        {
            if (driver.TryGetFacet<IImageCreator>(out var creator))
                Branch(driver.FormatName, types.Get(creator.CreateOptionsType));
        }

        Line("## Options of exports (BlockExportOptions)");
        Line("Every export has these, and those of its type:");
        Members(branches.Union(QapiExtension.BlockExportOptions), "");
        foreach (var export in plugins.Of(
            ProvidedKind.Export).Loaded.Select(e => e.Value).OrderBy(e => e.Name, StringComparer.Ordinal))
            Branch(export.Name, types.Get(export.OptionsType));
    }

    private IEnumerable<Block.BlockDriver> Drivers() =>
        plugins.Of(ProvidedKind.Driver).Loaded.Select(d => d.Value).OrderBy(d => d.FormatName, StringComparer.Ordinal);

    private void Branch(string name, QapiType type)
    {
        Line($"### {name}");
        Members(type, "has no options of its own");
    }

    private void Members(QapiType type, string otherwise)
    {
        var shown = type is QapiObjectType o ? o.Members.Where(m => !m.IsLegacy).ToList() : [];
        if (type is not QapiObjectType)
            Line($"Takes {Describe(type, [])}.");
        else if (shown.Count == 0 && ((QapiObjectType)type).Variants.Count == 0)
            Line($"It {otherwise}.");
        else
            _text.Append('\n');
        foreach (var member in shown)
            _text.Append(
                $"- `{member.Name}`{(member.Optional ? "?" : "")}: {Describe(member.Type, [])}{Features(member.Features)}\n");
        if (type is QapiObjectType { Variants.Count: > 0 } union)
            Variants(union);
    }

    private void Variants(QapiObjectType union)
    {
        foreach (var variant in union.Variants.Where(v => v.Type.Members.Count > 0))
            _text.Append($"- with `{union.Tag}` = `{variant.Case}`: {Inside(variant.Type, [])}\n");
    }

    private static string Describe(QapiType type, HashSet<QapiType> outer) => type switch
    {
        QapiScalarType scalar => scalar.Kind.ToString().ToLowerInvariant(),
        QapiIntegerType => "int",
        QapiEnumType values => string.Join(" \\| ", values.Values.Select(v => $"`{v.Name}`")),
        QapiArrayType array => $"[{Describe(array.Element, outer)}]",
        QapiExtensibleType { Extension: QapiExtension.ProvidedNames } => "an object with a list of names for each kind",
        QapiExtensibleType extensible => extensible.Extension.ToString(),
        QapiAlternateType alternate => string.Join(" or ", alternate.Branches.Select(b => Describe(b, outer))),
        QapiObjectType { Members.Count: 0, Variants.Count: 0 } => "an empty object",
        QapiObjectType o when outer.Contains(o) => "the same again",
        QapiObjectType o => Inside(o, [.. outer, o]),
        _ => "any",
    };

    private static string Inside(QapiObjectType type, HashSet<QapiType> outer)
    {
        var members = type.Members.Where(m => !m.IsLegacy)
            .Select(m => $"`{m.Name}`{(m.Optional ? "?" : "")}: {Describe(m.Type, outer)}");
        var variants = type.Variants.Where(v => v.Type.Members.Count > 0).Select(v => $"with `{v.Case}` {Inside(v.Type, outer)}");
        return "{" + string.Join(", ", members.Concat(variants)) + "}";
    }

    private static string Features(IReadOnlyList<string> features) =>
        features.Count == 0 ? "" : $" ({string.Join(", ", features)})";

    private void Line(string text) => _text.Append(_text.Length == 0 ? "" : "\n").Append(text).Append('\n');
}
