// SPDX-License-Identifier: MIT
namespace BlockHost.Block.Facets;

/// <summary>How a drive stands.</summary>
public sealed record MediumState
{
    /// <summary>There is a medium that can be read.</summary>
    public required bool HasMedium { get; init; }

    /// <summary>Null: the drive has no tray, or does not say.</summary>
    public bool? IsTrayOpen { get; init; }

    /// <summary>
    /// The node has locked the tray: neither the button nor <see cref="IRemovableMedium.MoveTrayAsync"/> opens it.
    /// </summary>
    public bool IsLocked { get; init; }

    /// <summary>Counts media: another number means that what was read before may be another one's.</summary>
    public required long Generation { get; init; }
}

/// <summary>Facet of a node whose medium comes and goes while it is open. Without one its length is 0.</summary>
public interface IRemovableMedium
{
    /// <summary>Asks the drive. The node's profile has changed where its medium has.</summary>
    ValueTask<MediumState> LookAsync(CancellationToken cancellationToken);

    /// <summary>Opens the tray, which takes the medium out (eject), or closes it.</summary>
    /// <exception cref="BlockException">Busy: the tray is locked. Not supported: the drive has no such motor.</exception>
    ValueTask MoveTrayAsync(bool open, CancellationToken cancellationToken);

    /// <summary>Keeps the tray closed, or no longer; without effect on a drive that has no lock.</summary>
    ValueTask LockAsync(bool locked, CancellationToken cancellationToken);
}
