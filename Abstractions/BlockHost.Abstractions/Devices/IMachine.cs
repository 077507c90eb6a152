// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;

namespace BlockHost.Devices;

/// <summary>What the machine is doing: those of QEMU's states that a machine without a processor can be in.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<RunState>))]
public enum RunState
{
    [JsonStringEnumMemberName("running")]
    Running = 0,

    /// <summary>Waits for its start.</summary>
    [JsonStringEnumMemberName("prelaunch")]
    Prelaunch = 1,

    [JsonStringEnumMemberName("paused")]
    Paused = 2,

    /// <summary>Waits for the state of another host's machine.</summary>
    [JsonStringEnumMemberName("inmigrate")]
    InMigrate = 3,

    /// <summary>Stopped, while the last of its state goes to another host.</summary>
    [JsonStringEnumMemberName("finish-migrate")]
    FinishMigrate = 4,

    /// <summary>Another host has its state and its images.</summary>
    [JsonStringEnumMemberName("postmigrate")]
    PostMigrate = 5,
}

/// <summary>A device of the machine.</summary>
/// <param name="Id">Unique in the machine, and the same on another host that takes the device's state over.</param>
public sealed record MachineDevice(string Id, Device Device);

/// <summary>The machine: its run state, and the devices that stop and start with it.</summary>
public interface IMachine
{
    RunState State { get; }

    bool IsRunning => State == RunState.Running;

    /// <summary>While it waits for its state: it runs when that has come.</summary>
    bool StartsWhenLoaded { get; }

    IReadOnlyList<MachineDevice> Devices { get; }

    /// <summary>Adds a device, and starts it where the machine runs; it is the machine's until the result is disposed.</summary>
    /// <exception cref="Qmp.QmpException">There is one of that id.</exception>
    IDisposable AddDevice(string id, Device device);

    /// <summary>
    /// Goes over to another state. On the way out of <see cref="RunState.Running"/> devices stop, monitors are told, and all that
    /// was under way is done and on disk when this returns; on the way in devices start. While the machine is in
    /// <see cref="RunState.InMigrate"/>, nodes that a user adds are inactive.
    /// </summary>
    ValueTask EnterAsync(RunState state, CancellationToken cancellationToken);
}
