// SPDX-License-Identifier: MIT
using BlockHost.Qmp;

namespace BlockHost.Core.Qapi;

/// <summary>The texts of QEMU 7.2 for wrong input. Clients match them.</summary>
internal static class QapiErrors
{
    public static QmpException Missing(string parameter) => new($"Parameter '{parameter}' is missing");

    public static QmpException Unexpected(string parameter) => new($"Parameter '{parameter}' is unexpected");

    public static QmpException WrongType(string parameter, string expected) =>
        new($"Invalid parameter type for '{parameter}', expected: {expected}");

    public static QmpException WrongValue(string parameter, string? value) =>
        new($"Parameter '{parameter}' does not accept value '{value}'");

    public static QmpException Expects(string parameter, string what) => new($"Parameter '{parameter}' expects {what}");
}
