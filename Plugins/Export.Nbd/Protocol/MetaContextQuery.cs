// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Export.Nbd.Protocol;

/// <summary>Matches queries for metadata contexts ("namespace:leaf"); a bare "namespace:" names all of it when listing.</summary>
internal static class MetaContextQuery
{
    public const string BaseAllocation = "base:allocation";
    public const string AllocationDepth = "qemu:allocation-depth";

    public static MetaContexts All(INegotiableExport export) =>
        export.OffersAllocationDepth ? MetaContexts.BaseAllocation | MetaContexts.AllocationDepth : MetaContexts.BaseAllocation;

    public static MetaContexts Match(string query, bool listing, INegotiableExport export) => All(export) & query switch
    {
        BaseAllocation => MetaContexts.BaseAllocation,
        AllocationDepth => MetaContexts.AllocationDepth,
        "base:" when listing => MetaContexts.BaseAllocation,
        "qemu:" when listing => MetaContexts.AllocationDepth,
        _ => MetaContexts.None,
    };
}
