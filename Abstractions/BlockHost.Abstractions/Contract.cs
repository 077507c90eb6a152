// SPDX-License-Identifier: MIT
namespace BlockHost;

/// <summary>
/// The version of the contract. A host serves a plugin with the same major and a minor not above its own;
/// a new virtual member or host-interface member raises the minor, a new abstract member the major.
/// </summary>
public static class Contract
{
    public const int Major = 1;
    public const int Minor = 0;
}
