// SPDX-License-Identifier: MIT
using BlockHost.Crypto.Luks;

namespace BlockHost.Plugins.Block.Luks;

/// <summary>What the header says, and where it is.</summary>
internal sealed record LuksImage(LuksArea Area, LuksHeader Header, LuksSettings Settings)
{
    /// <summary>Where the disk begins in the file.</summary>
    public long PayloadOffset => Area.IsDetached ? 0 : Header.PayloadOffset;
}
