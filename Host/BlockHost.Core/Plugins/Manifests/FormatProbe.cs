// SPDX-License-Identifier: MIT
namespace BlockHost.Core.Plugins;

/// <summary>
/// An image whose byte <paramref name="Offset"/> and following are <paramref name="Magic"/> may be of <paramref name="Driver"/>.
/// </summary>
/// <param name="Suffix">In place of a magic: how the file's name ends, for formats that say what they are at their end.</param>
public sealed record FormatProbe(string Driver, int Offset, ReadOnlyMemory<byte> Magic, string? Suffix = null)
{
    /// <summary>Neither: any image, where nobody else claims it.</summary>
    public bool IsOfAnything => Magic.IsEmpty && Suffix is null;

    public bool HasMagic => !Magic.IsEmpty;

    public bool MatchesName(string? fileName) =>
        Suffix is { } suffix && fileName?.EndsWith(suffix, StringComparison.Ordinal) == true;

    public bool Matches(ReadOnlySpan<byte> head) =>
        Offset <= head.Length - Magic.Length && head.Slice(Offset, Magic.Length).SequenceEqual(Magic.Span);
}
