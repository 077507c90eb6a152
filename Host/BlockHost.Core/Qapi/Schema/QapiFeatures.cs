// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Reflection;
using BlockHost.Qmp;

namespace BlockHost.Core.Qapi;

/// <summary>Features ("deprecated", "unstable") that code states by attribute.</summary>
internal static class QapiFeatures
{
    public static IReadOnlyList<string> Of(ICustomAttributeProvider? provider) =>
        provider?.GetCustomAttributes(
            typeof(QapiFeatureAttribute),
            inherit: true).OfType<QapiFeatureAttribute>().Select(feature => feature.Name).ToArray() ?? [];

    // An enumeration that is serialised by name keeps its fields when trimmed.
    [UnconditionalSuppressMessage("Trimming", "IL2070", Justification = "Fields of enumerations are kept with the enumeration.")]
    public static IReadOnlyList<string> OfEnumValue(Type type, object value) =>
        Enum.GetName(type, value) is { } name ? Of(type.GetField(name)) : [];
}
