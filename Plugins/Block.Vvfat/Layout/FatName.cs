// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.Vvfat.Layout;

/// <summary>An entry's two names.</summary>
/// <param name="Long">As people see it.</param>
/// <param name="Short">Eleven bytes of ASCII: eight and three, filled with spaces.</param>
/// <param name="NeedsLong">The short one does not say all.</param>
internal sealed record FatName(string Long, byte[] Short, bool NeedsLong)
{
    /// <summary>UTF-16 units of a name that one entry holds.</summary>
    public const int UnitsPerEntry = 13;

    public const int MostUnits = 255;

    /// <summary>Entries of the directory that the names take.</summary>
    public int Entries => NeedsLong ? 1 + ((Long.Length + UnitsPerEntry - 1) / UnitsPerEntry) : 1;
}
