// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Vmdk.Format;

/// <summary>Errors of images that are not what they should be.</summary>
internal static class VmdkFault
{
    public const int SectorSize = 512;

    public static BlockException Invalid(string message) => new(BlockErrorKind.InvalidArgument, message);

    public static BlockException TooBig(string message) => new(BlockErrorKind.InvalidArgument, message, Errno.EFBIG);

    public static BlockException Unsupported(string message) => new(BlockErrorKind.NotSupported, message);
}
