// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;

namespace BlockHost.Jobs;

/// <summary>QAPI enum BlockdevOnError: what a user wants done about I/O errors.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<BlockdevOnError>))]
public enum BlockdevOnError
{
    /// <summary>The job fails.</summary>
    [JsonStringEnumMemberName("report")]
    Report = 0,

    /// <summary>The job goes on, and lacks the data.</summary>
    [JsonStringEnumMemberName("ignore")]
    Ignore = 1,

    /// <summary>Stop where the storage is full, else report.</summary>
    [JsonStringEnumMemberName("enospc")]
    Enospc = 2,

    /// <summary>The job pauses, and tries again when it is resumed.</summary>
    [JsonStringEnumMemberName("stop")]
    Stop = 3,

    /// <summary>What the device does that is on top: as <see cref="Enospc"/>.</summary>
    [JsonStringEnumMemberName("auto")]
    Auto = 4,
}
