// SPDX-License-Identifier: MIT
namespace BlockHost.Block.Archipelago.Peer;

/// <summary>What the peer does with requests.</summary>
public enum PeerMode
{
    Serves,

    /// <summary>Takes requests and answers none.</summary>
    Silent,

    /// <summary>Says that none can be done.</summary>
    Fails,

    /// <summary>Does one byte less than it was asked for.</summary>
    Short,

    /// <summary>Answers with places outside the segment.</summary>
    Lies,

    /// <summary>Takes the heap's lock and never gives it back.</summary>
    HoldsLock,

    /// <summary>Answers what it was silent about, and serves.</summary>
    Recovers,
}
