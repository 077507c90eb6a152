// SPDX-License-Identifier: MIT
using BlockHost.Block.Facets;
using BlockHost.CommandLine;

namespace BlockHost.Images;

/// <summary>The internal snapshot that -l names: by id or name, or as "snapshot.id=…,snapshot.name=…".</summary>
internal sealed record SnapshotChoice(string? Id, string? Name, string? IdOrName)
{
    private const string Prefix = "snapshot.";
    private const string IdKey = Prefix + "id";
    private const string NameKey = Prefix + "name";

    /// <param name="quote">What the tool's message puts before a text that is wrong.</param>
    public static SnapshotChoice Parse(string text, ToolConsole console, char quote = '\'')
    {
        if (!text.StartsWith(Prefix, StringComparison.Ordinal))
            return new(null, null, text);
        var choice = new SnapshotChoice(null, null, null);
        foreach (var part in CreateOptionList.SplitCommas(text))
            choice = choice.With(part, console, $"Failed in parsing snapshot param {quote}{text}'");
        return choice;
    }

    /// <summary>Makes the image read as it was when the snapshot was taken.</summary>
    public async ValueTask LoadAsync(OpenImage image, CancellationToken cancellationToken)
    {
        if (!image.Node.TryGetFacet<ISnapshotStore>(out var store))
            throw Failure(
                $"Block format '{image.Node.Driver.FormatName}' used by device '' does not support temporarily loading internal snapshots");
        var snapshot = Find(await store.ListAsync(cancellationToken)) ?? throw Failure("Can't find snapshot");
        var drained = await image.Graph.DrainAsync(image.Node, cancellationToken);
        await using (drained)
            await store.ShowAsync(snapshot.Id, cancellationToken);
    }

    private SnapshotChoice With(string part, ToolConsole console, string failure)
    {
        var equals = part.IndexOf('=');
        var key = equals < 0 ? part : part[..equals];
        var value = equals < 0 ? "on" : part[(equals + 1)..];
        if (equals < 0)
        {
            console.Warn($"short-form boolean option '{key}' deprecated");
            console.ErrorLine($"Please use {key}=on instead");
        }

        return key switch
        {
            IdKey => this with { Id = value },
            NameKey => this with { Name = value },
            _ => throw new ToolException($"Invalid parameter '{key}'") { SecondMessage = failure },
        };
    }

    private SnapshotRecord? Find(IReadOnlyList<SnapshotRecord> snapshots)
    {
        if (IdOrName is not null)
            return snapshots.FirstOrDefault(snapshot => snapshot.Id == IdOrName)
                ?? snapshots.FirstOrDefault(snapshot => snapshot.Name == IdOrName);
        return snapshots.FirstOrDefault(snapshot => (Id is null || snapshot.Id == Id) && (Name is null || snapshot.Name == Name));
    }

    private static ToolException Failure(string why) => new($"Failed to load snapshot: {why}");
}
