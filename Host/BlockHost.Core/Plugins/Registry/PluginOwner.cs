// SPDX-License-Identifier: MIT
using BlockHost.Plugins;

namespace BlockHost.Core.Plugins;

/// <summary>
/// Who provides something, and who uses it: the gate that unloading closes.
/// <code>
///   open ──Close──► closed to new users ──last use ends──► drained
///    ▲                       │
///    └────────TryReopen──────┘
/// </code>
/// </summary>
public sealed class PluginOwner(PluginIdentity identity)
{
    private readonly Lock _gate = new();
    private readonly HashSet<PluginUse> _uses = [];
    private TaskCompletionSource? _drained;

    public PluginIdentity Identity { get; } = identity;

    /// <summary>Takes no new users.</summary>
    public bool IsClosed => Volatile.Read(ref _drained) is not null;

    /// <summary>The present users, as they named themselves ("node 'disk0'"), in order.</summary>
    public IReadOnlyList<string> Users
    {
        get
        {
            lock (_gate)
                return [.. _uses.Select(use => use.User).Order(StringComparer.Ordinal)];
        }
    }

    /// <summary>Somebody uses it for longer than a moment: something that was made with it and stays.</summary>
    internal bool IsHeldForLong
    {
        get
        {
            lock (_gate)
                return _uses.Any(use => !use.IsBrief);
        }
    }

    /// <summary>Keeps the plugin loaded until the use is disposed.</summary>
    /// <param name="user">Who uses it, for people: <c>node 'disk0'</c>, <c>command 'block-dirty-bitmap-add'</c>.</param>
    /// <exception cref="PluginException">The plugin is being unloaded.</exception>
    public PluginUse Use(string user) =>
        TryUse(user, brief: false)
            ?? throw new PluginException($"Plugin '{Identity.Id}' is being unloaded and takes no new users");

    /// <summary>As <see cref="Use"/>; null where the plugin is being unloaded.</summary>
    /// <param name="user">Who uses it, for people.</param>
    /// <param name="brief">Until a command is done, and no longer.</param>
    internal PluginUse? TryUse(string user, bool brief)
    {
        lock (_gate)
        {
            if (_drained is not null)
                return null;
            var use = new PluginUse(this, user, brief);
            _uses.Add(use);
            return use;
        }
    }

    /// <summary>Refuses new users from now on; the task ends when the last present one is gone.</summary>
    internal Task Close()
    {
        lock (_gate)
        {
            _drained ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            if (_uses.Count == 0)
                _drained.TrySetResult();
            return _drained.Task;
        }
    }

    /// <summary>Takes new users again; false once the last one has gone.</summary>
    internal bool TryReopen()
    {
        lock (_gate)
        {
            if (_drained is { Task.IsCompleted: true })
                return false;
            _drained?.TrySetCanceled();
            _drained = null;
            return true;
        }
    }

    internal void End(PluginUse use)
    {
        lock (_gate)
        {
            if (_uses.Remove(use) && _uses.Count == 0)
                _drained?.TrySetResult();
        }
    }
}

/// <summary>One user of a plugin; dispose it when what was made with the plugin's code is gone.</summary>
public sealed class PluginUse : IDisposable
{
    private readonly PluginOwner _owner;

    internal PluginUse(PluginOwner owner, string user, bool brief)
    {
        _owner = owner;
        User = user;
        IsBrief = brief;
    }

    public string User { get; }

    public string PluginId => _owner.Identity.Id;

    /// <summary>Until a command is done.</summary>
    internal bool IsBrief { get; }

    public void Dispose() => _owner.End(this);
}
