// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using BlockHost.Block;
using BlockHost.Posix;

namespace BlockHost.Plugins.Block.Rbd.Native;

/// <summary>Ceph's client libraries, which are looked for when the first image is opened.</summary>
internal static class CephLibraries
{
    /// <summary>Of Ceph 16, which has encryption and zeroes that are not written.</summary>
    private static readonly Version Oldest = new(1, 16);

    /// <summary>The version of librbd. Whether a plugin is unloaded or not, the libraries stay: they have threads.</summary>
    /// <exception cref="BlockException">They are not installed, or too old.</exception>
    public static Version Require()
    {
        foreach (var library in (ReadOnlySpan<string>)[Librados.Library, Librbd.Library])
        {
            if (!NativeLibrary.TryLoad(library, out _))
                throw Unusable($"{library} is not installed");
        }

        Librbd.rbd_version(out var major, out var minor, out _);
        var version = new Version(major, minor);
        return version >= Oldest ? version : throw Unusable($"librbd {version} is too old: {Oldest} is needed, of Ceph 16");
    }

    /// <summary>"<paramref name="what"/>: No such file or directory".</summary>
    /// <param name="result">Of a call: below zero, an errno value.</param>
    /// <exception cref="BlockException">It is below zero.</exception>
    public static void Check(int result, string what)
    {
        if (result < 0)
            throw SystemError.Exception(what, -result);
    }

    private static BlockException Unusable(string why) =>
        new(BlockErrorKind.NotSupported, $"The driver 'rbd' cannot be used: {why}")
        { Hint = "Ceph's client libraries are in the packages librados2 and librbd1." };
}
