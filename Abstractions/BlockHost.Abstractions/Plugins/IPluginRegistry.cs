// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins;

/// <summary>
/// Where a plugin declares what it provides. A name that another plugin already provides is refused with a
/// <see cref="PluginException"/> that names both.
/// </summary>
public interface IPluginRegistry
{
    /// <param name="thing">
    /// A block driver, job type, transaction action, export type, command, event …: each has a class to derive from or
    /// to make it with.
    /// </param>
    void Add(IProvided thing);
}
