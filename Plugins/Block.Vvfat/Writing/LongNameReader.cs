// SPDX-License-Identifier: MIT
using BlockHost.Plugins.Block.Vvfat.Layout;

namespace BlockHost.Plugins.Block.Vvfat.Writing;

/// <summary>
/// Puts names together, entry by entry. A long name that does not belong to the short one after it counts for nothing.
/// </summary>
internal sealed class LongNameReader
{
    private const byte Deleted = 0xe5;
    private const byte LastPart = 0x40;
    private const int MostParts = 20;

    private readonly char[] _units = new char[MostParts * FatName.UnitsPerEntry];
    private int _length;
    private int _missing;
    private byte _checksum;
    private bool _isValid;

    /// <returns>Whether the entry is part of a long name, or deleted: no item.</returns>
    public bool Take(ReadOnlySpan<byte> entry)
    {
        if (entry[0] == Deleted)
        {
            _isValid = false;
            return true;
        }

        if ((FatAttributes)(entry[11] & 0x3f) != FatAttributes.LongName)
            return false;
        TakePart(entry);
        return true;
    }

    public string NameOf(ReadOnlySpan<byte> entry)
    {
        var isLong = _isValid && _missing == 0 && _length > 0 && DirectoryTable.Checksum(entry[..11]) == _checksum;
        _isValid = false;
        return isLong ? NameCharacters.ToHost(new string(_units, 0, _length)) : GuestNames.OfShort(entry);
    }

    private void TakePart(ReadOnlySpan<byte> entry)
    {
        var number = entry[0] & ~LastPart;
        if ((entry[0] & LastPart) != 0 && number is > 0 and <= MostParts)
        {
            (_isValid, _missing, _checksum) = (true, number, entry[13]);
            _length = number * FatName.UnitsPerEntry;
        }

        if (!_isValid || number != _missing || entry[13] != _checksum)
        {
            _isValid = false;
            return;
        }

        _missing--;
        var at = _missing * FatName.UnitsPerEntry;
        var count = DirectoryTable.ReadUnits(entry, _units.AsSpan(at, FatName.UnitsPerEntry));
        // Only the last part, which comes first, may be shorter.
        if (at + FatName.UnitsPerEntry == _length)
            _length = at + count;
        else if (count < FatName.UnitsPerEntry)
            _isValid = false;
    }
}
