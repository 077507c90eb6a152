// SPDX-License-Identifier: MIT
namespace BlockHost.Core;

/// <summary>What goes wrong where nobody waits for an answer, such as when an image is closed: told to the program's user.</summary>
public sealed class HostWarnings
{
    /// <summary>A complete message, as QEMU prints it behind its own name. Comes from any thread.</summary>
    public event Action<string>? Given;

    public void Give(string message) => Given?.Invoke(message);
}
