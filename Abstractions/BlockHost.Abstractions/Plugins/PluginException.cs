// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins;

/// <summary>A plugin cannot be loaded, registered or unloaded; the message names the plugin and the reason.</summary>
public sealed class PluginException : Exception
{
    public PluginException(string message)
        : base(message)
    {
    }

    public PluginException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
