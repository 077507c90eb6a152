// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;

namespace BlockHost.Block;

/// <summary>
/// QAPI BlkdebugEvent: the moments at which faults can be injected. A driver fires one at the child that its next request goes
/// to; those of the generic layer (flushes, writes and what completes them to whole blocks, copies on read) are fired by the
/// host.
/// </summary>
[JsonConverter(typeof(JsonStringEnumConverter<BlkdebugEvent>))]
public enum BlkdebugEvent
{
    [JsonStringEnumMemberName("l1_update")]
    L1Update = 0,

    [JsonStringEnumMemberName("l1_grow_alloc_table")]
    L1GrowAllocTable = 1,

    [JsonStringEnumMemberName("l1_grow_write_table")]
    L1GrowWriteTable = 2,

    [JsonStringEnumMemberName("l1_grow_activate_table")]
    L1GrowActivateTable = 3,

    [JsonStringEnumMemberName("l2_load")]
    L2Load = 4,

    [JsonStringEnumMemberName("l2_update")]
    L2Update = 5,

    [JsonStringEnumMemberName("l2_update_compressed")]
    L2UpdateCompressed = 6,

    [JsonStringEnumMemberName("l2_alloc_cow_read")]
    L2AllocCowRead = 7,

    [JsonStringEnumMemberName("l2_alloc_write")]
    L2AllocWrite = 8,

    [JsonStringEnumMemberName("read_aio")]
    ReadAio = 9,

    [JsonStringEnumMemberName("read_backing_aio")]
    ReadBackingAio = 10,

    [JsonStringEnumMemberName("read_compressed")]
    ReadCompressed = 11,

    [JsonStringEnumMemberName("write_aio")]
    WriteAio = 12,

    [JsonStringEnumMemberName("write_compressed")]
    WriteCompressed = 13,

    [JsonStringEnumMemberName("vmstate_load")]
    VmstateLoad = 14,

    [JsonStringEnumMemberName("vmstate_save")]
    VmstateSave = 15,

    [JsonStringEnumMemberName("cow_read")]
    CowRead = 16,

    [JsonStringEnumMemberName("cow_write")]
    CowWrite = 17,

    [JsonStringEnumMemberName("reftable_load")]
    ReftableLoad = 18,

    [JsonStringEnumMemberName("reftable_grow")]
    ReftableGrow = 19,

    [JsonStringEnumMemberName("reftable_update")]
    ReftableUpdate = 20,

    [JsonStringEnumMemberName("refblock_load")]
    RefblockLoad = 21,

    [JsonStringEnumMemberName("refblock_update")]
    RefblockUpdate = 22,

    [JsonStringEnumMemberName("refblock_update_part")]
    RefblockUpdatePart = 23,

    [JsonStringEnumMemberName("refblock_alloc")]
    RefblockAlloc = 24,

    [JsonStringEnumMemberName("refblock_alloc_hookup")]
    RefblockAllocHookup = 25,

    [JsonStringEnumMemberName("refblock_alloc_write")]
    RefblockAllocWrite = 26,

    [JsonStringEnumMemberName("refblock_alloc_write_blocks")]
    RefblockAllocWriteBlocks = 27,

    [JsonStringEnumMemberName("refblock_alloc_write_table")]
    RefblockAllocWriteTable = 28,

    [JsonStringEnumMemberName("refblock_alloc_switch_table")]
    RefblockAllocSwitchTable = 29,

    [JsonStringEnumMemberName("cluster_alloc")]
    ClusterAlloc = 30,

    [JsonStringEnumMemberName("cluster_alloc_bytes")]
    ClusterAllocBytes = 31,

    [JsonStringEnumMemberName("cluster_free")]
    ClusterFree = 32,

    [JsonStringEnumMemberName("flush_to_os")]
    FlushToOs = 33,

    [JsonStringEnumMemberName("flush_to_disk")]
    FlushToDisk = 34,

    [JsonStringEnumMemberName("pwritev_rmw_head")]
    PwritevRmwHead = 35,

    [JsonStringEnumMemberName("pwritev_rmw_after_head")]
    PwritevRmwAfterHead = 36,

    [JsonStringEnumMemberName("pwritev_rmw_tail")]
    PwritevRmwTail = 37,

    [JsonStringEnumMemberName("pwritev_rmw_after_tail")]
    PwritevRmwAfterTail = 38,

    [JsonStringEnumMemberName("pwritev")]
    Pwritev = 39,

    [JsonStringEnumMemberName("pwritev_zero")]
    PwritevZero = 40,

    [JsonStringEnumMemberName("pwritev_done")]
    PwritevDone = 41,

    [JsonStringEnumMemberName("empty_image_prepare")]
    EmptyImagePrepare = 42,

    [JsonStringEnumMemberName("l1_shrink_write_table")]
    L1ShrinkWriteTable = 43,

    [JsonStringEnumMemberName("l1_shrink_free_l2_clusters")]
    L1ShrinkFreeL2Clusters = 44,

    [JsonStringEnumMemberName("cor_write")]
    CorWrite = 45,

    [JsonStringEnumMemberName("cluster_alloc_space")]
    ClusterAllocSpace = 46,

    [JsonStringEnumMemberName("none")]
    None = 47,
}
