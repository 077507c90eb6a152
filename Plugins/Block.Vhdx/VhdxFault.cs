// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Plugins.Block.Vhdx;

/// <summary>Refusals of an image.</summary>
internal static class VhdxFault
{
    public static BlockException Invalid(string message) => new(BlockErrorKind.InvalidArgument, message);

    public static BlockException NotSupported(string message) => new(BlockErrorKind.NotSupported, message);

    /// <summary>QEMU has no words of its own.</summary>
    public static BlockException Invalid(IBlockChild file) =>
        Invalid($"Could not open '{file.FileName}': Invalid argument");

    /// <summary>What is not known here.</summary>
    public static BlockException NotSupported(IBlockChild file) =>
        NotSupported($"Could not open '{file.FileName}': Operation not supported");
}
