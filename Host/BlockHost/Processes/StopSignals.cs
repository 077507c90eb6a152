// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace BlockHost.Processes;

/// <summary>SIGTERM, SIGINT and SIGHUP ask the program to end in order; a second one ends it at once.</summary>
internal sealed class StopSignals : IDisposable
{
    private const int SignalExitBase = 128;

    private readonly TaskCompletionSource<string> _requested = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly PosixSignalRegistration[] _registrations;

    public StopSignals() =>
        _registrations = [.. new[] { PosixSignal.SIGTERM, PosixSignal.SIGINT, PosixSignal.SIGHUP }.Select(
            signal => PosixSignalRegistration.Create(signal, On))];

    /// <summary>Completes with the first signal's name.</summary>
    public Task<string> Requested => _requested.Task;

    public void Dispose()
    {
        foreach (var registration in _registrations)
            registration.Dispose();
    }

    private void On(PosixSignalContext context)
    {
        context.Cancel = true;
        if (!_requested.TrySetResult(context.Signal.ToString()))
            Environment.Exit(SignalExitBase + (context.Signal == PosixSignal.SIGTERM ? 15 : 2));
    }
}
