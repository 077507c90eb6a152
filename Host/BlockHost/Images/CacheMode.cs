// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;

namespace BlockHost.Images;

/// <summary>A cache mode of the tools' options -t and -T.</summary>
/// <param name="WriteThrough">Every write is durable when it completes.</param>
internal readonly record struct CacheMode(bool Direct, bool NoFlush, bool WriteThrough)
{
    public static CacheMode Writeback => default;

    public static CacheMode None => new(Direct: true, NoFlush: false, WriteThrough: false);

    /// <summary>What qemu-io has unless it is told otherwise: "writethrough".</summary>
    public static CacheMode Durable => new(Direct: false, NoFlush: false, WriteThrough: true);

    public static bool TryParse(string name, [NotNullWhen(true)] out CacheMode? mode)
    {
        mode = name switch
        {
            "none" or "off" => None,
            "directsync" => new(Direct: true, NoFlush: false, WriteThrough: true),
            "writeback" => Writeback,
            "unsafe" => new(Direct: false, NoFlush: true, WriteThrough: false),
            "writethrough" => Durable,
            _ => null,
        };
        return mode is not null;
    }
}
