// SPDX-License-Identifier: MIT
using BlockHost.Plugins;

namespace BlockHost.Core.Plugins;

/// <summary>Something provided that stays for as long as the use does.</summary>
public sealed record ProvidedLease<T>(T Value, PluginUse Use);

/// <summary>Ways to use what is provided while plugins come and go.</summary>
public static class ProvidedTables
{
    private const int Tries = 16;

    /// <summary>
    /// The thing of that name with a use of it; null where nobody provides it. Between finding and using it an unload can
    /// begin: then it is found again, which waits for the unload and loads the plugin anew.
    /// </summary>
    /// <param name="table">Where to look.</param>
    /// <param name="name">What is wanted.</param>
    /// <param name="user">Who uses it, for people: <c>node 'disk0'</c>.</param>
    /// <param name="brief">The use lasts until a command is done, and no longer.</param>
    /// <param name="cancellationToken">Ends the wait, not the load.</param>
    /// <exception cref="PluginException">Its plugin is faulted, unsupported or leaves when its users have; the message says
    /// why.</exception>
    public static async ValueTask<ProvidedLease<T>?> LeaseAsync<T>(
        this IProvidedTable<T> table, string name, string user, bool brief, CancellationToken cancellationToken)
        where T : class, IProvided
    {
        for (var i = 1; await table.FindAsync(name, cancellationToken).ConfigureAwait(false) is { } found; i++)
        {
            if (found.TryLease(user, brief) is { } lease)
                return lease;
            if (i >= Tries)
                found.Use(user).Dispose();
        }

        return null;
    }

    /// <summary>What is loaded under that name, though its plugin may be on its way out. For descriptions.</summary>
    internal static T? Peek<T>(this IProvidedTable<T> table, string name)
        where T : class, IProvided => table.Loaded.FirstOrDefault(item => item.Name == name)?.ValueOrNull;
}
