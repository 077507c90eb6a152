// SPDX-License-Identifier: MIT
namespace BlockHost;

public enum ParameterFaultKind
{
    Missing = 0,
    Unexpected = 1,
    NotAccepted = 2,
    OutOfRange = 3,
    WrongType = 4,
}

/// <summary>What is wrong with one option or argument, for code that says it in other words; its text is QEMU's.</summary>
public sealed record ParameterFault
{
    private ParameterFault(ParameterFaultKind kind, string name, string detail) => (Kind, Name, Detail) = (kind, name, detail);

    public ParameterFaultKind Kind { get; }

    /// <summary>With its path, as in "file.filename".</summary>
    public string Name { get; }

    /// <summary>The value that is not accepted, or what is expected; else "".</summary>
    public string Detail { get; }

    public static ParameterFault Missing(string name) => new(ParameterFaultKind.Missing, name, "");

    public static ParameterFault Unexpected(string name) => new(ParameterFaultKind.Unexpected, name, "");

    public static ParameterFault NotAccepted(string name, string? value) =>
        new(ParameterFaultKind.NotAccepted, name, value ?? "");

    /// <param name="expected">As in "a number".</param>
    public static ParameterFault OutOfRange(string name, string expected) => new(ParameterFaultKind.OutOfRange, name, expected);

    /// <param name="expected">As in "boolean".</param>
    public static ParameterFault WrongType(string name, string expected) => new(ParameterFaultKind.WrongType, name, expected);

    public override string ToString() => Kind switch
    {
        ParameterFaultKind.Missing => $"Parameter '{Name}' is missing",
        ParameterFaultKind.Unexpected => $"Parameter '{Name}' is unexpected",
        ParameterFaultKind.NotAccepted => $"Parameter '{Name}' does not accept value '{Detail}'",
        ParameterFaultKind.OutOfRange => $"Parameter '{Name}' expects {Detail}",
        _ => $"Invalid parameter type for '{Name}', expected: {Detail}",
    };
}
