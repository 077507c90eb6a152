// SPDX-License-Identifier: MIT
namespace BlockHost.Conformance.Execution;

/// <summary>Ends a check: the driver does not keep the contract.</summary>
internal sealed class CheckFailure(string message, Exception? innerException = null) : Exception(message, innerException)
{
    public IReadOnlyList<string> Script { get; init; } = [];
}

/// <summary>Ends a check that means nothing for this driver.</summary>
internal sealed class CheckSkipped(string reason) : Exception(reason);
