// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Core.Block.Opening;

/// <summary>
/// The cause of an error: nodes lie under each other deeper than anybody means. That is a chain that leads back to itself, or an
/// attack.
/// </summary>
internal sealed class NestingException : Exception
{
    public static BlockException Error(int limit) => new(
        BlockErrorKind.InvalidArgument,
        $"Nodes are nested more than {limit} levels deep: a backing file may lead back to its overlay",
        innerException: new NestingException());

    public static bool IsCauseOf(Exception e) => e.InnerException is NestingException;
}
