// SPDX-License-Identifier: MIT
using System.Text;
using BlockHost.Devices;

namespace BlockHost.Commands.Migration.Tests;

/// <summary>A device whose state is a text.</summary>
internal sealed class FixtureDevice : Device
{
    public string State { get; set; } = "";

    public bool IsRunning { get; private set; }

    public bool IsOptional { get; init; }

    public string? RefuseState { get; init; }

    public override int StateVersion => 2;

    public override bool StateIsOptional => IsOptional;

    public override ValueTask StopAsync(CancellationToken cancellationToken)
    {
        IsRunning = false;
        return ValueTask.CompletedTask;
    }

    public override void Start() => IsRunning = true;

    public override ReadOnlyMemory<byte> SaveState()
    {
        Assert.False(IsRunning);
        return Encoding.UTF8.GetBytes(State);
    }

    public override void LoadState(int version, ReadOnlyMemory<byte> state)
    {
        Assert.False(IsRunning);
        if (RefuseState is { } reason || version != StateVersion)
            throw new InvalidDataException(RefuseState ?? $"version {version} is not known");
        State = Encoding.UTF8.GetString(state.Span);
    }

    public override ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
