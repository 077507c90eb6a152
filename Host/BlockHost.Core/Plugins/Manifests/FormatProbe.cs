// SPDX-License-Identifier: MIT
namespace BlockHost.Core.Plugins;

/// <summary>
/// An image whose byte <paramref name="Offset"/> and following are <paramref name="Magic"/> may be of <paramref name="Driver"/>.
/// </summary>
public sealed record FormatProbe(string Driver, int Offset, ReadOnlyMemory<byte> Magic)
{
    /// <summary>No magic: any image, where nobody else claims it.</summary>
    public bool IsOfAnything => Magic.IsEmpty;

    public bool Matches(ReadOnlySpan<byte> head) =>
        Offset <= head.Length - Magic.Length && head.Slice(Offset, Magic.Length).SequenceEqual(Magic.Span);
}
