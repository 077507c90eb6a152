// SPDX-License-Identifier: MIT
namespace BlockHost.Conformance.TestHost;

public enum ChildOperationKind
{
    Read = 0,
    Write = 1,
    Flush = 2,
    WriteZeroes = 3,
    Discard = 4,
    Status = 5,
    Resize = 6,
}

/// <summary>One operation that a node asked of a child. A resize has its new length in <paramref name="Bytes"/>.</summary>
public readonly record struct ChildOperation(ChildOperationKind Kind, string Child, long Offset, long Bytes)
{
    /// <summary>The operation changes the child.</summary>
    public bool IsWrite =>
        Kind is ChildOperationKind.Write or ChildOperationKind.WriteZeroes or ChildOperationKind.Discard
            or ChildOperationKind.Resize;

    public override string ToString() => $"{Kind} {Child} 0x{Offset:x}+0x{Bytes:x}";
}
