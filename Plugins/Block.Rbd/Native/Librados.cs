// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;

namespace BlockHost.Plugins.Block.Rbd.Native;

/// <summary>librados: a connection to a cluster, and a pool of it. Results below zero are errno values.</summary>
internal static unsafe partial class Librados
{
    public const string Library = "librados.so.2";

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int rados_create(out nint cluster, string? user);

    /// <param name="file">Null: where Ceph looks for it.</param>
    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int rados_conf_read_file(ClusterHandle cluster, string? file);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int rados_conf_set(ClusterHandle cluster, string option, string value);

    /// <param name="value">Ends with a zero; for what is no string, as it must not stay in memory.</param>
    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int rados_conf_set(ClusterHandle cluster, string option, byte* value);

    [LibraryImport(Library)]
    public static partial int rados_connect(ClusterHandle cluster);

    [LibraryImport(Library)]
    public static partial void rados_shutdown(nint cluster);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int rados_ioctx_create(ClusterHandle cluster, string pool, out nint context);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial void rados_ioctx_set_namespace(PoolHandle pool, string name);

    [LibraryImport(Library)]
    public static partial void rados_ioctx_destroy(nint context);
}
