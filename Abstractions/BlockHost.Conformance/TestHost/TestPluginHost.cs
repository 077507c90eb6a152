// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Block.Graph;
using BlockHost.Exports;
using BlockHost.Jobs;
using BlockHost.Objects;
using BlockHost.Plugins;
using BlockHost.Qmp;
using BlockHost.Yank;

namespace BlockHost.Conformance.TestHost;

/// <summary>
/// The services a lone driver can see: buffers, clock, events, yank and user objects are real and observable. There is
/// no graph, job or export beside the node under test, and asking for one is an error.
/// </summary>
public sealed class TestPluginHost : IPluginHost
{
    public TrackingBufferPool Buffers { get; init; } = new();

    public TimeProvider Clock { get; init; } = TimeProvider.System;

    public MemoryBudget Memory { get; init; } = new();

    public TestYankRegistry Yank { get; } = new();

    public TestEvents Events { get; } = new();

    public TestUserObjects Objects { get; } = new();

    public IBlockGraph Graph => throw Absent("graph");

    public IImages Images => throw Absent("image files");

    public IBlockExports Exports => throw Absent("exports");

    public IJobs Jobs => throw Absent("jobs");

    public ITransactions Transactions => throw Absent("transactions");

    IIoBufferPool IDriverHost.Buffers => Buffers;

    IYankRegistry IPluginHost.Yank => Yank;

    IQmpEvents IPluginHost.Events => Events;

    IUserObjects IDriverHost.Objects => Objects;

    private static InvalidOperationException Absent(string what) => new($"The conformance host has no {what}");
}

/// <summary>Yank instances and their functions.</summary>
public sealed class TestYankRegistry : IYankRegistry
{
    private readonly Lock _lock = new();
    private readonly List<(YankInstance Instance, Action Yank)> _entries = [];

    public int Count
    {
        get
        {
            lock (_lock)
                return _entries.Count;
        }
    }

    public IDisposable Register(YankInstance instance, Action yank)
    {
        var entry = (instance, yank);
        lock (_lock)
            _entries.Add(entry);
        return new Registration(() =>
        {
            lock (_lock)
                _entries.Remove(entry);
        });
    }

    /// <summary>Runs every function, as the yank command does.</summary>
    public void YankAll()
    {
        (YankInstance, Action Yank)[] all;
        lock (_lock)
            all = [.. _entries];
        foreach (var (_, yank) in all)
            yank();
    }

    private sealed class Registration(Action remove) : IDisposable
    {
        private Action? _remove = remove;

        public void Dispose() => Interlocked.Exchange(ref _remove, null)?.Invoke();
    }
}

/// <summary>Keeps the events that were emitted.</summary>
public sealed class TestEvents : IQmpEvents
{
    private readonly Lock _lock = new();
    private readonly List<(string Name, JsonElement? Data)> _emitted = [];

    public IReadOnlyList<(string Name, JsonElement? Data)> Emitted
    {
        get
        {
            lock (_lock)
                return [.. _emitted];
        }
    }

    public IReadOnlyList<string> Names => [.. Emitted.Select(emitted => emitted.Name)];

    public void Emit<T>(QmpEvent<T> qmpEvent, T data) => Add(qmpEvent.Name, qmpEvent.Serialize(data));

    public void Emit(QmpSignal signal) => Add(signal.Name, null);

    private void Add(string name, JsonElement? data)
    {
        lock (_lock)
            _emitted.Add((name, data));
    }
}

/// <summary>Objects (secrets, credentials) that a test made.</summary>
public sealed class TestUserObjects : IUserObjects
{
    private readonly Dictionary<string, object> _objects = [];

    public void Add(string id, object userObject) => _objects.Add(id, userObject);

    public bool TryGet<T>(string id, [NotNullWhen(true)] out T? found)
        where T : class
    {
        found = _objects.GetValueOrDefault(id) as T;
        return found is not null;
    }
}
