// SPDX-License-Identifier: MIT
namespace BlockHost.Core;

/// <summary>
/// What goes wrong where nobody waits for an answer, such as when an image is closed: told to the program's user.
/// </summary>
public sealed class HostWarnings
{
    /// <summary>A complete message, as QEMU prints it behind its own name. Comes from any thread.</summary>
    public event Action<string>? Given;

    /// <summary>A line that names by itself what speaks, such as a format driver. Comes from any thread.</summary>
    public event Action<string>? Noted;

    /// <summary>What the program works on cannot be believed any more: a tool ends here. Comes from any thread.</summary>
    public event Action? GivenUp;

    public void Give(string message) => Given?.Invoke(message);

    public void Note(string line) => Noted?.Invoke(line);

    /// <returns>Never completes where the program ends.</returns>
    public Task GiveUpAsync(string line)
    {
        Note(line);
        if (GivenUp is not { } end)
            return Task.CompletedTask;
        end();
        return new TaskCompletionSource().Task;
    }
}
