// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Core.Chardevs;
using BlockHost.Core.Plugins;
using BlockHost.Core.Qapi;
using BlockHost.Objects;
using BlockHost.Plugins;
using BlockHost.Qmp;

namespace BlockHost.Core.Objects.Qom;

/// <summary>
/// qom-list, qom-get, qom-set, qom-list-types, qom-list-properties and device-list-properties: objects as QEMU's object model
/// shows them.
/// </summary>
public sealed class QomCommands(IPluginCatalog catalog, UserObjects objects, ChardevTable chardevs, QapiInput input)
{
    /// <summary>For <see cref="PluginManager.AddHost"/>.</summary>
    public void Register(IPluginRegistry registry)
    {
        var json = QomJson.Default;
        const QmpCommandFlags flags = QmpCommandFlags.AllowPreconfig;
        registry.Add(QmpCommand.Create(
            "qom-list",
            () => json.QomListArguments,
            () => json.IReadOnlyListObjectPropertyInfo,
            (_, arguments, _) => new(List(Find(arguments.Path))),
            flags));
        registry.Add(QmpCommand.Create(
            "qom-get", () => json.QomGetArguments, () => json.JsonElement, (_, arguments, _) => new(Get(arguments)), flags));
        registry.Add(
            QmpCommand.CreateAction("qom-set", () => json.QomSetArguments, (_, arguments, ct) => SetAsync(arguments, ct), flags));
        registry.Add(QmpCommand.Create(
            "qom-list-types",
            () => json.QomListTypesArguments,
            () => json.IReadOnlyListObjectTypeInfo,
            (_, arguments, ct) => QomTypes.ListAsync(catalog, arguments.Implements, arguments.Abstract ?? false, ct),
            flags));
        registry.Add(QmpCommand.Create(
            "qom-list-properties",
            () => json.QomListPropertiesArguments,
            () => json.IReadOnlyListObjectPropertyInfo,
            (_, arguments, ct) => ListPropertiesAsync(arguments.Typename, ct),
            flags));
        registry.Add(QmpCommand.Create(
            "device-list-properties",
            () => json.QomListPropertiesArguments,
            () => json.IReadOnlyListObjectPropertyInfo,
            (_, arguments, ct) => ListDevicePropertiesAsync(arguments.Typename, ct),
            flags));
    }

    private static IReadOnlyList<ObjectPropertyInfo> List(QomNode node) => node.Object is { } made
        ? [.. QomProperties.Of(made.Type)]
        : [QomProperties.Type, .. node.Children.Select(child => new ObjectPropertyInfo(child.Name, $"child<{child.Type}>"))];

    private static JsonElement Text(string text) => JsonSerializer.SerializeToElement(text, QomJson.Default.String);

    private static QmpException Refused(QomNode node, string property, string how) =>
        new($"Property '{node.Type}.{property}' {how}");

    private static JsonElement? Value(QomNode node, string property)
    {
        if (property == QomProperties.Type.Name)
            return Text(node.Type);
        if (node.Object is { } made && QomProperties.Has(made.Type, property))
            return made.Object.GetProperty(property) ?? throw Refused(node, property, "is not readable");
        return node.Children.FirstOrDefault(child => child.Name == property) is { } child ? Text(child.Path) : null;
    }

    private QomNode Find(string path) => QomNode.Root(objects, chardevs).Find(path);

    private JsonElement Get(QomGetArguments arguments)
    {
        var node = Find(arguments.Path);
        return Value(node, arguments.Property) ?? throw Refused(node, arguments.Property, "not found");
    }

    private async ValueTask SetAsync(QomSetArguments arguments, CancellationToken cancellationToken)
    {
        var node = Find(arguments.Path);
        var property = arguments.Property;
        if (node.Object is not { } made || !QomProperties.Has(made.Type, property))
        {
            var exists = property == QomProperties.Type.Name || node.Children.Any(child => child.Name == property);
            throw Refused(node, property, exists ? "is not writable" : "not found");
        }

        var value = await input.ValidateMemberAsync(
            made.Type.OptionsType, property, arguments.Value, cancellationToken).ConfigureAwait(false);
        if (!made.Object.TrySetProperty(property, value))
            throw Refused(node, property, "is not writable");
    }

    private async ValueTask<IReadOnlyList<ObjectPropertyInfo>> ListDevicePropertiesAsync(
        string type, CancellationToken cancellationToken)
    {
        if (await catalog.Of(
            ProvidedKind.Device).FindAsync(type, cancellationToken).ConfigureAwait(false) is { ValueOrNull: { } device })
            return [.. QomProperties.Of(device.OptionsType)];
        var known = await QomTypes.ListAsync(
            catalog, implements: null, withAbstract: true, cancellationToken).ConfigureAwait(false);
        throw known.Any(other => other.Name == type)
            ? new QmpException(ParameterFault.OutOfRange("typename", "a non-abstract device type"))
            : new QmpException(QmpErrorClass.DeviceNotFound, $"Device '{type}' not found");
    }

    private async ValueTask<IReadOnlyList<ObjectPropertyInfo>> ListPropertiesAsync(
        string type, CancellationToken cancellationToken)
    {
        if (await catalog.Of(
            ProvidedKind.Object).FindAsync(type, cancellationToken).ConfigureAwait(false) is { ValueOrNull: { } found })
            return [.. QomProperties.Of(found)];
        var known = await QomTypes.ListAsync(
            catalog, implements: null, withAbstract: true, cancellationToken).ConfigureAwait(false);
        if (known.All(other => other.Name != type))
            throw new QmpException(QmpErrorClass.DeviceNotFound, $"Class '{type}' not found");
        return type is QomTypes.Interface or "interface"
            ? throw new QmpException(ParameterFault.OutOfRange("typename", "a QOM type"))
            : [QomProperties.Type];
    }
}
