// SPDX-License-Identifier: MIT
namespace BlockHost.Conformance.Model;

internal enum ScriptKind
{
    Read,
    Write,
    WriteZeroes,
    Discard,
    Flush,
    Status,
    Resize,
    Reopen,
}

/// <summary>One step of a sequence. A resize has its new length in <paramref name="Bytes"/>.</summary>
/// <param name="Seed">Names the data that a write stores.</param>
/// <param name="Segments">Pieces that the buffer is cut into.</param>
internal sealed record ScriptOperation(
    ScriptKind Kind, long Offset = 0, long Bytes = 0, int Seed = 0, int Segments = 1, bool Flag = false)
{
    public bool IsRange => Kind is not (ScriptKind.Flush or ScriptKind.Reopen or ScriptKind.Resize);

    public override string ToString() => Kind switch
    {
        ScriptKind.Flush => "flush",
        ScriptKind.Reopen => "reopen",
        ScriptKind.Resize => $"resize to 0x{Bytes:x}",
        ScriptKind.Write => $"write 0x{Offset:x}+0x{Bytes:x} pattern {Seed}{Pieces}{(Flag ? " fua" : "")}",
        ScriptKind.WriteZeroes => $"write-zeroes 0x{Offset:x}+0x{Bytes:x}{(Flag ? " may-unmap" : "")}",
        ScriptKind.Read => $"read 0x{Offset:x}+0x{Bytes:x}{Pieces}",
        _ => $"{Kind.ToString().ToLowerInvariant()} 0x{Offset:x}+0x{Bytes:x}",
    };

    private string Pieces => Segments > 1 ? $" in {Segments} segments" : "";
}
