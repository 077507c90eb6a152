// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Qmp;

namespace BlockHost.Core.Qmp;

/// <summary>Runs commands. Decorate it to authorise, log or count them.</summary>
public interface IQmpDispatcher
{
    /// <summary>Checks the arguments, runs the command and writes its return value, exactly one JSON value.</summary>
    /// <param name="call">Where the command came from; <see cref="IQmpCall.OutOfBand"/> says on which path.</param>
    /// <param name="arguments">An object, or undefined where the client sent none.</param>
    /// <exception cref="QmpException">The command failed or was refused; nothing has been written.</exception>
    ValueTask DispatchAsync(
        IQmpCall call, string command, JsonElement arguments, Utf8JsonWriter result, CancellationToken cancellationToken);
}
