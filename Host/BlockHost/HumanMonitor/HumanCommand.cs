// SPDX-License-Identifier: MIT
namespace BlockHost.HumanMonitor;

/// <summary>A command of the monitor for people.</summary>
/// <param name="Names">"stop|s": any of them is typed; all stand in help and errors.</param>
/// <param name="Parameters">What it takes, in order.</param>
/// <param name="Usage">The parameters, for people.</param>
internal sealed record HumanCommand(
    string Names, IReadOnlyList<HumanParameter> Parameters, string Usage, string Help,
    Func<HumanCall, CancellationToken, ValueTask> Run)
{
    public bool IsNamed(string name) => Names.Split('|').Contains(name);

    /// <summary>Its line of help.</summary>
    public string Describe(string prefix = "") => $"{prefix}{Names} {Usage} -- {Help}\n";
}

internal enum HumanParameterKind
{
    Flag,
    Text,
    Device,
    FileName,
    Size,
    Number,

    /// <summary>All that is left of the line.</summary>
    Rest,
}

/// <param name="Name">Of a flag: its letter.</param>
internal sealed record HumanParameter(string Name, HumanParameterKind Kind, bool IsOptional = false);
