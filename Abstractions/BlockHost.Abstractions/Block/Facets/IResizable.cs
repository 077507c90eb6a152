// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;

namespace BlockHost.Block.Facets;

[JsonConverter(typeof(JsonStringEnumConverter<PreallocationMode>))]
public enum PreallocationMode
{
    [JsonStringEnumMemberName("off")]
    Off = 0,

    [JsonStringEnumMemberName("metadata")]
    Metadata = 1,

    [JsonStringEnumMemberName("falloc")]
    Falloc = 2,

    [JsonStringEnumMemberName("full")]
    Full = 3,
}

/// <param name="Preallocation">For the bytes added.</param>
/// <param name="MayExceed">The result may be larger than the length asked for (a device, a rounded file). All defaults are the
/// struct's own.</param>
/// <param name="ZeroNewArea">The bytes added must read as zeroes, also over a longer backing file.</param>
public readonly record struct ResizeOptions(
    PreallocationMode Preallocation = PreallocationMode.Off, bool MayExceed = false, bool ZeroNewArea = false);

/// <summary>Changes the node's length. The host refreshes the profile afterwards.</summary>
public interface IResizable
{
    ValueTask ResizeAsync(long length, ResizeOptions options, CancellationToken cancellationToken);
}
