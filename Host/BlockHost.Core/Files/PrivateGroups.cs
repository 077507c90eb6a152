// SPDX-License-Identifier: MIT
using System.Globalization;

namespace BlockHost.Core.Files;

/// <summary>
/// Groups without other members than their user's own: many systems give each user one, and files that the group may
/// write. Only the system's own files are asked; a group that they do not know counts as others.
/// </summary>
internal static class PrivateGroups
{
    private const int NameField = 0;
    private const int UserField = 2;
    private const int GroupField = 3;
    private const int MembersField = 3;

    /// <param name="users">The group is nobody's but theirs.</param>
    public static bool IsPrivate(uint group, IReadOnlyCollection<uint> users)
    {
        try
        {
            var accounts = Lines("/etc/passwd").Where(fields => fields.Length > GroupField).ToList();
            var entry = Lines("/etc/group")
                .FirstOrDefault(fields => fields.Length > MembersField && IsNumber(fields[UserField], group));
            return entry is not null
                && accounts.Where(account => IsNumber(account[GroupField], group)).All(account => Owns(account, users))
                && entry[MembersField].Split(',', StringSplitOptions.RemoveEmptyEntries)
                    .All(member => accounts.Any(account => account[NameField] == member && Owns(account, users)));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static IEnumerable<string[]> Lines(string path) => File.ReadLines(path).Select(line => line.Split(':'));

    private static bool IsNumber(string text, uint number) =>
        uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value == number;

    private static bool Owns(string[] account, IReadOnlyCollection<uint> users) =>
        uint.TryParse(account[UserField], NumberStyles.None, CultureInfo.InvariantCulture, out var user) && users.Contains(user);
}
