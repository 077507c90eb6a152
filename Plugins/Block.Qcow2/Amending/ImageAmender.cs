// SPDX-License-Identifier: MIT
using System.Text;
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Crypto.Luks;
using BlockHost.Plugins.Block.Qcow2.Checking;
using BlockHost.Plugins.Block.Qcow2.Format;
using BlockHost.Plugins.Block.Qcow2.Metadata;

namespace BlockHost.Plugins.Block.Qcow2.Amending;

/// <summary>
/// Changes options of an image, one after another. Each change ends in one switch of the header, so that a power cut
/// leaves the image as it was before the change or as it is after.
/// </summary>
internal sealed class ImageAmender(Qcow2Node node, AmendRequest request, IDriverHost host, bool force)
{
    private const string NeedsVersion3 = "compatibility level 1.1 {0}above (use compat=1.1 or greater)";

    private Qcow2Header Header => node.Image.Header.Current;

    public async ValueTask RunAsync(IProgress<(long Done, long Total)>? progress, CancellationToken cancellationToken)
    {
        Check();
        var steps = Plan(cancellationToken);
        for (var i = 0; i < steps.Count; i++)
        {
            await steps[i](new StepProgress(progress, i, steps.Count)).ConfigureAwait(false);
            progress?.Report(((i + 1L) * StepProgress.Units, (long)steps.Count * StepProgress.Units));
        }
    }

    /// <summary>What cannot be had is refused before anything is changed.</summary>
    private void Check()
    {
        if (request.Encryption is not null && Header.Crypt == CryptMethod.None)
            throw Refuse("Can't amend encryption options - encryption not present");
        if (request.Encryption is not null && (Header.Crypt != CryptMethod.Luks || request.Encryption is not Qcow2LuksAmendment))
            throw Refuse("Only LUKS encryption options can be amended");
        var version = request.Version ?? Header.Version;
        if (!string.IsNullOrEmpty(request.DataFile) && !Header.HasDataFile)
            throw Refuse("data-file can only be set for images that use an external data file");
        if (request.DataFileRaw == true && !Header.Autoclear.HasFlag(AutoclearFeatures.RawExternalData))
            throw Refuse("data-file-raw cannot be set on existing images");
        if (request.RefcountOrder is { } order && order != Header.RefcountOrder && version < 3 && order != 4)
            throw Refuse($"Refcount widths other than 16 bits require {Version3("or ")}");
        if (request.LazyRefcounts == true && version < 3)
            throw Refuse($"Lazy refcounts only supported with {Version3("and ")}");
        if (version < Header.Version) VersionDowngrade.Check(
            Header, request.RefcountOrder ?? Header.RefcountOrder, request.Size ?? Header.Size, node.Image.Snapshots);
    }

    private List<Func<IProgress<double>, ValueTask>> Plan(CancellationToken cancellationToken)
    {
        var steps = new List<Func<IProgress<double>, ValueTask>>();
        if (request.Version > Header.Version) steps.Add(_ => UpgradeAsync(cancellationToken));
        if (request.RefcountOrder is { } order
            && order != Header.RefcountOrder) steps.Add(p => ChangeWidthAsync(order, p, cancellationToken));
        if (request.Encryption is Qcow2LuksAmendment slots) steps.Add(_ => ChangeSlotsAsync(slots, cancellationToken));
        if (request.DataFileRaw == false && Header.Autoclear.HasFlag(AutoclearFeatures.RawExternalData))
            steps.Add(
                _ =>
                    SwitchAsync(h => h with { Autoclear = h.Autoclear & ~AutoclearFeatures.RawExternalData }, cancellationToken));
        if (request.DataFile is { } file)
        {
            var name = file.Length == 0 ? null : Encoding.UTF8.GetBytes(file);
            steps.Add(_ => SwitchAsync(h => h.WithExtension(HeaderExtension.DataFileName, name), cancellationToken));
        }
        if (request.LazyRefcounts is { } lazy
            && lazy != Header.HasLazyRefcounts) steps.Add(_ => SetLazyAsync(lazy, cancellationToken));
        if (request.Size is { } size) steps.Add(_ => node.ResizeAsync(size, new ResizeOptions(), cancellationToken));
        if (request.Version < Header.Version) steps.Add(p => new VersionDowngrade(node).RunAsync(p, cancellationToken));
        return steps;
    }

    private async ValueTask ChangeSlotsAsync(Qcow2LuksAmendment slots, CancellationToken cancellationToken)
    {
        var encryption = node.Image.Settings.Encryption!;
        var options = new LuksAmendOptions
        {
            State = slots.State,
            NewSecret = slots.NewSecret,
            OldSecret = slots.OldSecret,
            Keyslot = slots.Keyslot,
            IterTime = slots.IterTime,
            Secret = slots.Secret,
        };
        var amendment = new LuksAmendment(
            encryption.Area!, options, encryption.KeySecret, host.Objects, host.Clock, force);
        var header = await amendment.RunAsync(cancellationToken).ConfigureAwait(false);
        node.Image.Settings.Encryption!.Show(header);
    }

    private ValueTask UpgradeAsync(CancellationToken cancellationToken) =>
        SwitchAsync(
            h => (h with { Version = 3 }).WithExtension(HeaderExtension.FeatureNames, FeatureNameTable.Create().Data),
            cancellationToken);

    private async ValueTask ChangeWidthAsync(int order, IProgress<double> progress, CancellationToken cancellationToken)
    {
        var image = node.Image;
        await QuietImage.RunAsync(image, RebuildAsync, cancellationToken).ConfigureAwait(false);
        await node.ReloadAsync().ConfigureAwait(false);

        async ValueTask<bool> RebuildAsync()
        {
            var counts = await RecordedCounts.ScanAsync(
                image, order, new HalfProgress(progress, 0), cancellationToken).ConfigureAwait(false);
            await new RefcountRebuilder(image, order).RebuildAsync(counts, new HalfProgress(progress, 0.5)).ConfigureAwait(false);
            return true;
        }
    }

    /// <summary>Without lazy refcounts nothing may lag behind, so the image is clean before the bit goes.</summary>
    private ValueTask SetLazyAsync(bool lazy, CancellationToken cancellationToken) => SwitchAsync(
        h => h with
        {
            Compatible = lazy
                ? h.Compatible | CompatibleFeatures.LazyRefcounts
                : h.Compatible & ~CompatibleFeatures.LazyRefcounts,
        },
        cancellationToken,
        node.Image.Settings with { LazyRefcounts = lazy });

    /// <summary>Changes the header of the settled image, and reads it anew.</summary>
    private async ValueTask SwitchAsync(
        Func<Qcow2Header, Qcow2Header> change, CancellationToken cancellationToken, Qcow2Settings? settings = null)
    {
        var image = node.Image;
        await QuietImage.RunAsync(image, UpdateAsync, cancellationToken).ConfigureAwait(false);
        await node.ReloadAsync(settings).ConfigureAwait(false);

        async ValueTask<bool> UpdateAsync()
        {
            await image.Header.UpdateAsync(change(image.Header.Current)).ConfigureAwait(false);
            return true;
        }
    }

    private static string Version3(string word) =>
        string.Format(System.Globalization.CultureInfo.InvariantCulture, NeedsVersion3, word);

    private static BlockException Refuse(string message) => new(BlockErrorKind.InvalidArgument, message);

    /// <summary>One step's part of the whole.</summary>
    private sealed class StepProgress(IProgress<(long Done, long Total)>? whole, int step, int steps) : IProgress<double>
    {
        public const long Units = 1000;

        public void Report(double value) => whole?.Report(((step * Units) + (long)(value * Units), steps * Units));
    }

    private sealed class HalfProgress(IProgress<double> whole, double start) : IProgress<double>
    {
        public void Report(double value) => whole.Report(start + (value / 2));
    }
}
