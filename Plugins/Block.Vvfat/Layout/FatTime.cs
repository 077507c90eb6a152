// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.Vvfat.Layout;

/// <summary>
/// Times of FAT: local, to two seconds, from 1980 to 2107.
/// <code>
///   date: year - 1980 in bits 9-15, month 5-8, day 0-4      time: hour in bits 11-15, minute 5-10, half seconds 0-4
/// </code>
/// </summary>
internal static class FatTime
{
    public static (ushort Date, ushort Time) From(DateTimeOffset time, TimeZoneInfo zone)
    {
        var local = TimeZoneInfo.ConvertTime(time, zone).DateTime;
        if (local.Year < 1980)
            local = new DateTime(1980, 1, 1);
        else if (local.Year > 2107)
            local = new DateTime(2107, 12, 31, 23, 59, 58);
        return ((ushort)(((local.Year - 1980) << 9) | (local.Month << 5) | local.Day),
            (ushort)((local.Hour << 11) | (local.Minute << 5) | (local.Second / 2)));
    }

    /// <returns>Null: no such time.</returns>
    public static DateTimeOffset? ToTime(ushort date, ushort time, TimeZoneInfo zone)
    {
        var (year, month, day) = (1980 + (date >> 9), (date >> 5) & 15, date & 31);
        var (hour, minute, second) = (time >> 11, (time >> 5) & 63, (time & 31) * 2);
        if (month is 0 or > 12 || day == 0 || day > DateTime.DaysInMonth(year, month) || hour > 23 || minute > 59 || second > 59)
            return null;
        var local = new DateTime(year, month, day, hour, minute, second);
        // An hour that summer time leaves out is the one after it.
        return zone.IsInvalidTime(local)
            ? new DateTimeOffset(local.AddHours(1), zone.GetUtcOffset(local.AddHours(1)))
            : new DateTimeOffset(local, zone.GetUtcOffset(local));
    }
}
