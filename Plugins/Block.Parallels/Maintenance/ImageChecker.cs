// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Formats;
using BlockHost.Plugins.Block.Parallels.Format;

namespace BlockHost.Plugins.Block.Parallels.Maintenance;

/// <summary>
/// Looks whether the image was closed, and at every cluster: whether it lies in the file, behind the table, and where no other
/// one does; and whether the file is longer than they need. QEMU finds the first and the last two, in the same words. A repair
/// leaves what is read as it was.
/// </summary>
internal sealed class ImageChecker(ParallelsImage image)
{
    private readonly CheckMessages _messages = new();
    private readonly List<long> _misplaced = [];
    private CheckRepair _repair;
    private SpaceMap _used = new(0);
    private long _phase = -1;
    private long _previous;
    private long _end;
    private long _allocated;
    private long _fragmented;
    private long _corruptions;

    private bool MendsErrors => (_repair & CheckRepair.Errors) != 0;

    private bool MendsLeaks => (_repair & CheckRepair.Leaks) != 0;

    public async ValueTask<ImageCheckResult> CheckAsync(CheckRepair repair, CancellationToken cancellationToken)
    {
        _repair = repair;
        if (MendsErrors || MendsLeaks)
            await image.MarkOpenAsync(cancellationToken).ConfigureAwait(false);
        return await LookAsync(cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask<ImageCheckResult> LookAsync(CancellationToken cancellationToken)
    {
        if (image.WasLeftOpen)
            Find(MendsErrors, "image was not closed correctly");
        _used = new SpaceMap(Math.Min(image.File.Length / image.BlockSize, uint.MaxValue) + 2);
        _end = Math.Max(image.Header.DataOffset, image.ReservedEnd);
        for (long block = 0; block < image.EntriesInFile; block++)
            await LookAtAsync(
                block,
                await image.Table.GetAsync(block, cancellationToken).ConfigureAwait(false),
                cancellationToken).ConfigureAwait(false);
        var leaked = image.IsExtended ? 0 : Math.Max(image.File.Length - _end, 0);
        if (leaked > 0)
            Say(MendsLeaks, $"space leaked at the end of the image {leaked}");
        if (MendsErrors)
            await MendAsync(cancellationToken).ConfigureAwait(false);
        if (MendsErrors || MendsLeaks)
            await image.TrimAsync(cancellationToken).ConfigureAwait(false);
        var leaks = (leaked + image.BlockSize - 1) / image.BlockSize;
        return new ImageCheckResult
        {
            Messages = _messages.Lines,
            Corruptions = MendsErrors ? 0 : _corruptions,
            CorruptionsFixed = MendsErrors ? _corruptions : 0,
            Leaks = MendsLeaks ? 0 : leaks,
            LeaksFixed = MendsLeaks ? leaks : 0,
            ImageEndOffset = _end,
            TotalClusters = image.Header.Entries,
            AllocatedClusters = _allocated,
            FragmentedClusters = _fragmented,
        };
    }

    private async ValueTask LookAtAsync(long block, uint entry, CancellationToken cancellationToken)
    {
        var place = image.Decode(entry).Place;
        if (place >= image.File.Length)
        {
            Find(MendsErrors, $"cluster {block} is outside image");
            if (MendsErrors)
            {
                // It reads as zeroes, which it does as a hole.
                await image.Table.SetAsync(block, 0, cancellationToken).ConfigureAwait(false);
                place = 0;
            }
        }
        else if (entry != 0 && (place < image.Header.DataOffset || !UseFor(place)))
        {
            Find(
                MendsErrors,
                place < image.Header.DataOffset ? $"cluster {block} overlaps the header" : $"duplicate offset in BAT entry {block}");
            _misplaced.Add(block);
        }

        Count(place);
    }

    private void Count(long place)
    {
        if (place != 0)
        {
            _allocated++;
            _end = Math.Max(_end, place + image.BlockSize);
            if (_previous != 0 && _previous + image.BlockSize != place)
                _fragmented++;
        }

        _previous = place;
    }

    /// <returns>False: another cluster lies there, or in part of it.</returns>
    private bool UseFor(long place)
    {
        if (_phase < 0)
            _phase = place % image.BlockSize;
        var (index, within) = Math.DivRem(place - _phase + image.BlockSize, image.BlockSize);
        var isFree = _used.Use(index);
        return (within == 0 || _used.Use(index + 1)) && isFree;
    }

    private async ValueTask MendAsync(CancellationToken cancellationToken)
    {
        foreach (var block in _misplaced)
            await image.MoveAsync(block, cancellationToken).ConfigureAwait(false);
        await image.FlushAsync(cancellationToken).ConfigureAwait(false);
        image.WasLeftOpen = false;
    }

    private void Find(bool isMended, string what)
    {
        _corruptions++;
        Say(isMended, what);
    }

    private void Say(bool isMended, string what) => _messages.Add($"{(isMended ? "Repairing" : "ERROR")} {what}");
}
