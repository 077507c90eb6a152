// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.Iscsi.Protocol;

/// <summary>Numbers that count round (RFC 1982).</summary>
internal static class Serial
{
    public static bool IsAfter(uint number, uint other) => (int)(number - other) > 0;
}
