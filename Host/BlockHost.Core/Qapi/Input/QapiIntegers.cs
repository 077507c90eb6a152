// SPDX-License-Identifier: MIT
using System.Text.Json;

namespace BlockHost.Core.Qapi;

/// <summary>Whole numbers in JSON, and what fits into the schema's types.</summary>
internal static class QapiIntegers
{
    /// <param name="isInteger">The value is a whole number of the type's widest kin; only its range may be wrong.</param>
    public static bool TryGet(QapiIntegerType type, JsonElement value, out Int128 number, out bool isInteger)
    {
        (number, isInteger) = (0, false);
        if (value.ValueKind != JsonValueKind.Number)
            return false;
        if (value.TryGetInt64(out var signed))
            (number, isInteger) = (signed, true);
        else if (!type.Signed && value.TryGetUInt64(out var unsigned))
            (number, isInteger) = (unsigned, true);
        // A negative 64-bit unsigned number would wrap round in QEMU: no caller means that.
        if (isInteger && type is { Signed: false, Bits: 64 } && number < 0)
            isInteger = false;
        return isInteger && Fits(type, number);
    }

    public static bool Fits(QapiIntegerType type, Int128 number) => type.Signed
        ? number >= -(Int128.One << (type.Bits - 1)) && number < Int128.One << (type.Bits - 1)
        : number >= 0 && number < Int128.One << type.Bits;
}
