// SPDX-License-Identifier: MIT
namespace BlockHost.Conformance.Model;

/// <summary>Data that tells its write and its position apart from any other.</summary>
internal static class Pattern
{
    public static byte[] Make(int seed, long bytes)
    {
        var data = new byte[bytes];
        var state = (uint)seed * 2654435761u | 1u;
        for (var i = 0; i < data.Length; i++)
        {
            state = state * 1664525u + 1013904223u;
            data[i] = (byte)(state >> 24 | 1);
        }

        return data;
    }
}
