// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins;

/// <summary>
/// A thread of its own for work that blocks: in the kernel, on a queue. A plugin uses this and never
/// <see cref="Thread"/>: a thread that has run the code of plugins must not end while the process lives, as the runtime
/// then frees what belongs to plugins that were loaded later (docs/decisions/13). These threads rest between works, and
/// the next work gets the one that rested last.
/// </summary>
/// <remarks>
/// For the whole process, as the rule is: whoever makes it, no such thread may end. What the work throws ends the
/// process, as on any thread.
/// </remarks>
public static class PluginThread
{
    private static readonly ThreadReserve Reserve = new();

    /// <param name="name">The thread's name for debuggers, while it does this work.</param>
    /// <param name="work">Nothing of it is kept once it has returned. It starts without the caller's execution context.</param>
    public static void Start(string name, Action work)
    {
        ArgumentNullException.ThrowIfNull(work);
        Reserve.Start(name, work);
    }
}
