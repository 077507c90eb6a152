// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;

namespace BlockHost.Plugins;

/// <summary>
/// Names an assembly's plugin class and stamps the contract it was compiled against: the defaults of
/// <paramref name="major"/> and <paramref name="minor"/> are baked into the plugin's own IL, where the host
/// reads them from metadata before it runs any of the plugin's code.
/// </summary>
[AttributeUsage(AttributeTargets.Assembly)]
public sealed class PluginEntryAttribute(
    [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicParameterlessConstructor)] Type entry,
    int major = Contract.Major,
    int minor = Contract.Minor) : Attribute
{
    [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicParameterlessConstructor)]
    public Type Entry { get; } = entry;

    public int Major { get; } = major;

    public int Minor { get; } = minor;
}
