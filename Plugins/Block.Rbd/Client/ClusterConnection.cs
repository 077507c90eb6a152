// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Plugins.Block.Rbd.Native;

namespace BlockHost.Plugins.Block.Rbd.Client;

/// <summary>Connects to a cluster, in the calling thread, which waits for it.</summary>
internal sealed class ClusterConnection : IDisposable
{
    private readonly ClusterHandle _cluster;

    private ClusterConnection(ClusterHandle cluster, PoolHandle pool) => (_cluster, Pool) = (cluster, pool);

    public PoolHandle Pool { get; }

    /// <param name="cache">Of librbd, for the images that are opened.</param>
    /// <exception cref="BlockException">It cannot be reached, or does not have what is looked for; QEMU's texts.</exception>
    public static ClusterConnection Open(ImageSettings settings, bool cache)
    {
        CephLibraries.Check(Librados.rados_create(out var created, settings.User), "error initializing");
        var cluster = new ClusterHandle(created);
        PoolHandle? pool = null;
        try
        {
            Configure(cluster, settings, cache);
            CephLibraries.Check(Librados.rados_connect(cluster), "error connecting");
            CephLibraries.Check(
                Librados.rados_ioctx_create(cluster, settings.Pool, out var opened), $"error opening pool {settings.Pool}");
            pool = new PoolHandle(opened, cluster);
            EnterNamespace(pool, settings.Namespace);
            return new ClusterConnection(cluster, pool);
        }
        catch
        {
            pool?.Dispose();
            cluster.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        Pool.Dispose();
        _cluster.Dispose();
    }

    /// <summary>What comes later counts more.</summary>
    private static void Configure(ClusterHandle cluster, ImageSettings settings, bool cache)
    {
        var read = Librados.rados_conf_read_file(cluster, settings.ConfigurationFile);
        if (settings.ConfigurationFile is { } file)
            CephLibraries.Check(read, $"error reading conf file {file}");
        // The standard error is not Ceph's: what went wrong comes back as an error.
        Set(cluster, "log_to_stderr", "false");
        Set(cluster, "err_to_stderr", "false");
        foreach (var (name, value) in settings.CephOptions)
            CephLibraries.Check(Librados.rados_conf_set(cluster, name, value), $"invalid conf option {name}");
        if (settings.Monitors is { } monitors)
            Set(cluster, "mon_host", monitors);
        if (settings.Key is { } key)
            CephKey.Set(cluster, key);
        if (settings.AuthModes is { } modes)
            Set(cluster, "auth_client_required", modes);
        Set(cluster, "rbd_cache", cache ? "true" : "false");
    }

    private static void Set(ClusterHandle cluster, string option, string value) =>
        CephLibraries.Check(Librados.rados_conf_set(cluster, option, value), $"Could not set '{option}'");

    private static void EnterNamespace(PoolHandle pool, string name)
    {
        if (name.Length == 0)
            return;
        CephLibraries.Check(Librbd.rbd_namespace_exists(pool, name, out var exists), "error checking namespace");
        if (!exists)
            throw new BlockException(BlockErrorKind.NotFound, $"namespace '{name}' does not exist");
        Librados.rados_ioctx_set_namespace(pool, name);
    }
}
