// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;

namespace BlockHost.Images;

/// <summary>A cache mode of the tools' options -t and -T.</summary>
/// <param name="WriteThrough">Every write is durable when it completes.</param>
internal readonly record struct CacheMode(bool Direct, bool NoFlush, bool WriteThrough)
{
    public static CacheMode Writeback => default;

    public static CacheMode None => new(Direct: true, NoFlush: false, WriteThrough: false);

    public static bool TryParse(string name, [NotNullWhen(true)] out CacheMode? mode)
    {
        mode = name switch
        {
            "none" or "off" => None,
            "directsync" => new(Direct: true, NoFlush: false, WriteThrough: true),
            "writeback" => Writeback,
            "unsafe" => new(Direct: false, NoFlush: true, WriteThrough: false),
            "writethrough" => new(Direct: false, NoFlush: false, WriteThrough: true),
            _ => null,
        };
        return mode is not null;
    }
}
