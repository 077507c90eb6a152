// SPDX-License-Identifier: MIT
namespace BlockHost.Core.Json;

/// <summary>
/// The order in which members of QEMU's JSON objects come out of its hash table, which scripts have learnt to rely on: a
/// member's place is a function of its name alone.
/// </summary>
public static class QemuMemberOrder
{
    private const int Buckets = 512;

    public static uint PlaceOf(string name) => Hash(name) % Buckets;

    private static uint Hash(string name)
    {
        unchecked
        {
            var value = 0x238F13AFu * (uint)name.Length;
            for (var i = 0; i < name.Length; i++)
                value += (uint)name[i] << (i * 5 % 24);
            return (1103515243u * value) + 12345u;
        }
    }
}
