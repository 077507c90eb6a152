// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Core.Block.Opening;

/// <summary>
/// Names of nodes: a letter, then letters, digits, '-', '.', '_'; at most 31 characters. Generated ones start with '#'.
/// </summary>
internal static class NodeNames
{
    private const int MaxLength = 31;

    public static bool IsWellFormed(string name)
    {
        if (name.Length == 0 || !char.IsAsciiLetter(name[0]))
            return false;
        foreach (var c in name)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('-' or '.' or '_'))
                return false;
        }

        return true;
    }

    /// <exception cref="BlockException">With QEMU's text.</exception>
    public static void Check(string name)
    {
        if (!IsWellFormed(name))
            throw new BlockException(BlockErrorKind.InvalidArgument, $"Invalid node-name: '{name}'");
        if (name.Length > MaxLength)
            throw new BlockException(BlockErrorKind.InvalidArgument, "Node name too long");
    }
}
