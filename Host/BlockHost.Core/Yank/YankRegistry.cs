// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Qmp;
using BlockHost.Yank;

namespace BlockHost.Core.Yank;

/// <summary>
/// What can be yanked now. Out of band: the lock is held for look-ups only, never while a yank function or I/O runs.
/// </summary>
public sealed class YankRegistry : IYankRegistry
{
    private readonly Lock _lock = new();
    private readonly List<Entry> _entries = [];

    public IDisposable Register(YankInstance instance, Action yank)
    {
        var function = new Function(this, yank);
        lock (_lock)
        {
            var entry = Find(instance);
            if (entry is null)
                _entries.Add(entry = new Entry(instance));
            entry.Functions.Add(function);
        }

        return function;
    }

    /// <summary>Every instance, in order of registration.</summary>
    public IReadOnlyList<YankInstance> List()
    {
        lock (_lock)
            return [.. _entries.Select(entry => entry.Instance)];
    }

    /// <summary>Calls all functions of all the instances, or none where one is unknown.</summary>
    /// <exception cref="QmpException">DeviceNotFound.</exception>
    public void Yank(IReadOnlyList<YankInstance> instances)
    {
        var functions = new List<Function>();
        lock (_lock)
        {
            foreach (var instance in instances)
                functions.AddRange(
                    (Find(instance) ?? throw new QmpException(QmpErrorClass.DeviceNotFound, "Instance not found")).Functions);
        }

        foreach (var function in functions)
            function.Run();
    }

    private Entry? Find(YankInstance instance) => _entries.FirstOrDefault(entry => IsSame(entry.Instance, instance));

    private void Remove(Function function)
    {
        lock (_lock)
            _entries.RemoveAll(entry => entry.Functions.Remove(function) && entry.Functions.Count == 0);
    }

    private static bool IsSame(YankInstance a, YankInstance b) =>
        a.Type == b.Type
            && (IsNothing(a.Identity) ? IsNothing(b.Identity) : !IsNothing(b.Identity) && JsonElement.DeepEquals(
                a.Identity, b.Identity));

    private static bool IsNothing(JsonElement identity) =>
        identity.ValueKind == JsonValueKind.Undefined
            || (identity.ValueKind == JsonValueKind.Object && identity.GetPropertyCount() == 0);

    private sealed record Entry(YankInstance Instance)
    {
        public List<Function> Functions { get; } = [];
    }

    private sealed class Function(YankRegistry registry, Action yank) : IDisposable
    {
        public void Run() => yank();

        public void Dispose() => registry.Remove(this);
    }
}
