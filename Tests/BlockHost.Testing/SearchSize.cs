// SPDX-License-Identifier: MIT
using System.Globalization;

namespace BlockHost.Testing;

/// <summary>How far a search goes: a sample every day, and as far as somebody says who has the time.</summary>
public static class SearchSize
{
    /// <param name="variable">Of the environment, such as BLOCKHOST_MUTANTS.</param>
    /// <param name="sample">Where it is not set.</param>
    public static int Of(string variable, int sample) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), NumberStyles.None, CultureInfo.InvariantCulture, out var given)
            ? given
            : sample;
}
