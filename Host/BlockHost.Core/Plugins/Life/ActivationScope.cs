// SPDX-License-Identifier: MIT
namespace BlockHost.Core.Plugins;

/// <summary>
/// The plugins being loaded on the present path of calls: one of them that asks for what it provides itself would wait
/// for its own start.
/// </summary>
internal sealed class ActivationScope(PluginEntry entry, ActivationScope? outer)
{
    private volatile bool _ended;

    public bool Contains(PluginEntry wanted) => (!_ended && entry == wanted) || outer?.Contains(wanted) == true;

    /// <summary>Tasks that the plugin leaves running keep the scope; it must not mean anything to them.</summary>
    public void End() => _ended = true;
}
