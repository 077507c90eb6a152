// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization;
using BlockHost.Posix;

namespace BlockHost.Plugins.Block.Vvfat.Folder;

/// <summary>Which file it is, and which content it has: the kernel notes a new time with every change.</summary>
internal readonly record struct FileIdentity(
    uint DeviceMajor, uint DeviceMinor, ulong Inode, long Size, long ModifiedSeconds, uint ModifiedNanoseconds,
    long ChangedSeconds, uint ChangedNanoseconds)
{
    public static FileIdentity Of(in FileStatus status) => new(
        status.DeviceMajor, status.DeviceMinor, status.Inode, status.Size, status.ModifiedSeconds, status.ModifiedNanoseconds,
        status.ChangedSeconds, status.ChangedNanoseconds);

    [JsonIgnore]
    public DateTimeOffset Modified => At(ModifiedSeconds, ModifiedNanoseconds);

    [JsonIgnore]
    public DateTimeOffset Changed => At(ChangedSeconds, ChangedNanoseconds);

    /// <summary>Without what a rename changes.</summary>
    public FileIdentity WithoutChanged() => this with { ChangedSeconds = 0, ChangedNanoseconds = 0 };

    /// <summary>Times that .NET cannot express are the nearest ones.</summary>
    private static DateTimeOffset At(long seconds, uint nanoseconds) =>
        DateTimeOffset.FromUnixTimeSeconds(Math.Clamp(
            seconds, DateTimeOffset.MinValue.ToUnixTimeSeconds(), DateTimeOffset.MaxValue.ToUnixTimeSeconds() - 1))
        .AddTicks(nanoseconds / 100);
}
