// SPDX-License-Identifier: MIT
namespace BlockHost.Core;

/// <summary>What goes wrong where nobody waits for an answer, such as when an image is closed: told to the program's user.</summary>
public sealed class HostWarnings
{
    /// <summary>A complete message, as QEMU prints it behind its own name. Comes from any thread.</summary>
    public event Action<string>? Given;

    /// <summary>A line that names by itself what speaks, such as a format driver. Comes from any thread.</summary>
    public event Action<string>? Noted;

    public void Give(string message) => Given?.Invoke(message);

    public void Note(string line) => Noted?.Invoke(line);
}
