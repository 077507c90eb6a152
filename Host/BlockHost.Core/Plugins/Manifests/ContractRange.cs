// SPDX-License-Identifier: MIT
using System.Globalization;

namespace BlockHost.Core.Plugins;

/// <summary>A version of the contract: "1.0".</summary>
public readonly record struct ContractVersion(int Major, int Minor) : IComparable<ContractVersion>
{
    /// <summary>What this host serves.</summary>
    public static ContractVersion Host { get; } = new(Contract.Major, Contract.Minor);

    public int CompareTo(ContractVersion other) =>
        Major != other.Major ? Major.CompareTo(other.Major) : Minor.CompareTo(other.Minor);

    public static bool TryParse(string? text, out ContractVersion version)
    {
        version = default;
        var parts = text?.Split('.');
        if (parts is not { Length: 2 } || !TryParsePart(parts[0], out var major) || !TryParsePart(parts[1], out var minor))
            return false;
        version = new ContractVersion(major, minor);
        return true;
    }

    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Major}.{Minor}");

    private static bool TryParsePart(string text, out int value) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);
}

/// <summary>Contracts a plugin runs with: from <paramref name="Min"/> up to but not including <paramref name="Max"/>.</summary>
public readonly record struct ContractRange(ContractVersion Min, ContractVersion Max)
{
    public bool Contains(ContractVersion version) => version.CompareTo(Min) >= 0 && version.CompareTo(Max) < 0;

    public override string ToString() => $"[{Min}, {Max})";
}
