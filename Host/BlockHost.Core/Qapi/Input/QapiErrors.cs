// SPDX-License-Identifier: MIT
using BlockHost.Qmp;

namespace BlockHost.Core.Qapi;

/// <summary>The texts of QEMU 7.2 for wrong input. Clients match them.</summary>
internal static class QapiErrors
{
    public static QmpException Missing(string parameter) => new(ParameterFault.Missing(parameter));

    public static QmpException Unexpected(string parameter) => new(ParameterFault.Unexpected(parameter));

    public static QmpException WrongType(string parameter, string expected) =>
        new(ParameterFault.WrongType(parameter, expected));

    public static QmpException WrongValue(string parameter, string? value)
    {
        var fault = ParameterFault.NotAccepted(parameter, value);
        return value is not null && NotOffered.Reason(value) is { } reason ? new($"{fault}: {reason}") : new(fault);
    }

    public static QmpException Expects(string parameter, string what) => new(ParameterFault.OutOfRange(parameter, what));
}
