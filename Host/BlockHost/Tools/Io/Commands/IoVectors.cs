// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Tools.Io.Commands;

/// <summary>Operands "off len [len..]".</summary>
internal static class IoVectors
{
    public static (long Offset, IoVector Vector) Parse(IoArguments arguments)
    {
        arguments.Expect(2, int.MaxValue);
        var offset = arguments.Offset(0);
        var lengths = new List<long>();
        foreach (var text in arguments.Operands.Skip(1))
        {
            var length = IoNumbers.Size(text);
            if (length > IoNumbers.MaxLength)
                throw new IoCommandException($"Argument '{text}' exceeds maximum size {IoNumbers.MaxLength}");
            lengths.Add(length);
            if (lengths.Sum() > IoNumbers.MaxLength)
                throw new IoCommandException($"The total number of bytes exceed the maximum size {IoNumbers.MaxLength}");
        }

        var vector = new IoVector();
        foreach (var length in lengths)
            vector.Add(new byte[length]);
        return (offset, vector);
    }

    /// <exception cref="IoCommandException">Not whole sectors.</exception>
    public static void CheckSectors(long offset, long length)
    {
        if (offset % IoNumbers.SectorSize != 0)
            throw new IoCommandException($"{offset} is not a sector-aligned value for 'offset'");
        if (length % IoNumbers.SectorSize != 0)
            throw new IoCommandException($"{length} is not a sector-aligned value for 'count'");
    }
}
