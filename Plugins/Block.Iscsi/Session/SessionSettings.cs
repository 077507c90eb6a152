// SPDX-License-Identifier: MIT
using BlockHost.Plugins.Block.Iscsi.Naming;
using BlockHost.Remote.Options;

namespace BlockHost.Plugins.Block.Iscsi.Session;

/// <summary>Where a disk is and how it is reached.</summary>
internal sealed record SessionSettings
{
    /// <summary>At least one; all lead to the same disk.</summary>
    public required IReadOnlyList<Portal> Portals { get; init; }

    public required string Target { get; init; }

    public int Lun { get; init; }

    public string InitiatorName { get; init; } = "iqn.2008-11.org.linux-kvm";

    /// <summary>By which this side logs in; null: without.</summary>
    public Login? Login { get; init; }

    /// <summary>By which the target has to; null: it need not.</summary>
    public Login? TargetLogin { get; init; }

    public IscsiChapHash ChapHash { get; init; } = IscsiChapHash.Md5;

    public IscsiHeaderDigest HeaderDigest { get; init; } = IscsiHeaderDigest.NoneCrc32C;

    public IscsiHeaderDigest DataDigest { get; init; } = IscsiHeaderDigest.None;

    /// <summary>For one request; zero: any time.</summary>
    public TimeSpan CommandTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Flushes are limited too.</summary>
    public bool LimitsFlushes { get; init; }

    /// <summary>For how long requests wait for a connection.</summary>
    public TimeSpan RetryTime { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// This session's name on this side (RFC 7143, section 11.12.5, random format), the same for each of its connections: by that
    /// the target knows that the next one takes the place of the last.
    /// </summary>
    public byte[] SessionId { get; } = NewSessionId();

    private static byte[] NewSessionId()
    {
        const byte randomFormat = 0x80;
        var id = new byte[6];
        Random.Shared.NextBytes(id);
        id[0] = randomFormat;
        return id;
    }
}
