// SPDX-License-Identifier: MIT
namespace BlockHost.Core.Qmp.Commands;

/// <summary>Return value of query-version.</summary>
internal sealed record VersionInfo
{
    public required VersionTriple Qemu { get; init; }

    public required string Package { get; init; }
}

internal sealed record VersionTriple
{
    public required long Micro { get; init; }

    public required long Minor { get; init; }

    public required long Major { get; init; }
}

/// <summary>The version of QEMU whose protocol is spoken: clients decide by it what they may ask for.</summary>
internal static class CompatibleVersion
{
    public static VersionInfo Current { get; } = new()
    {
        Qemu = new VersionTriple { Major = 7, Minor = 2, Micro = 22 },
        Package = $"blockhost {typeof(CompatibleVersion).Assembly.GetName().Version?.ToString(3)}",
    };
}
