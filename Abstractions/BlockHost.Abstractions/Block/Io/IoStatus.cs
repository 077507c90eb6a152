// SPDX-License-Identifier: MIT
namespace BlockHost.Block;

/// <summary>The result of an operation at the device edge: 0 or a positive Linux errno. Never an exception.</summary>
public readonly record struct IoStatus(int Errno)
{
    public static IoStatus Ok => default;

    public bool IsOk => Errno == 0;

    public override string ToString() => IsOk ? "ok" : $"errno {Errno}";
}
