// SPDX-License-Identifier: MIT
namespace BlockHost.Sequences.Tests.Watched;

internal enum FileWork
{
    Read,
    Write,
    Zeroes,
    Discard,
    Flush,
    Resize,
    Create,
}

/// <summary>What one of the files is asked for.</summary>
/// <param name="Path">The file's full name.</param>
/// <param name="Bytes">How many; of a resize or a new file the length.</param>
/// <param name="IsDurable">It is on disk when it is done.</param>
internal sealed record FileOperation(
    FileWork Work, string Path, long Offset = 0, long Bytes = 0, byte[]? Data = null, bool IsDurable = false)
{
    public bool Changes => Work is not (FileWork.Read or FileWork.Flush);

    public override string ToString() => $"{Work} of {System.IO.Path.GetFileName(Path)} at {Offset}, {Bytes} bytes";
}
