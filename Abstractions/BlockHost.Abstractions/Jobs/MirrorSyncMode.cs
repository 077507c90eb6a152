// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;

namespace BlockHost.Jobs;

/// <summary>QAPI enum MirrorSyncMode: what of a disk a job copies.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<MirrorSyncMode>))]
public enum MirrorSyncMode
{
    /// <summary>What the top image holds, not its backing files.</summary>
    [JsonStringEnumMemberName("top")]
    Top = 0,

    [JsonStringEnumMemberName("full")]
    Full = 1,

    /// <summary>Only what is written from now on; for a backup, what is about to be.</summary>
    [JsonStringEnumMemberName("none")]
    None = 2,

    /// <summary>What a bitmap says, which forgets it if the job succeeds.</summary>
    [JsonStringEnumMemberName("incremental")]
    Incremental = 3,

    /// <summary>What a bitmap says.</summary>
    [JsonStringEnumMemberName("bitmap")]
    Bitmap = 4,
}
