// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Crypto;

/// <summary>An encrypted image, or what is asked of it, makes no sense.</summary>
internal static class Refusal
{
    public static BlockException Because(string message) => new(BlockErrorKind.InvalidArgument, message);
}
