// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Core.Exports;
using BlockHost.Exports;

namespace BlockHost.Graph.Tests.Fakes;

/// <summary>An export type whose exports end when the test says so.</summary>
internal sealed class FakeExportType : ExportType, IExportTypeSource
{
    public override string Name => "fake";

    public override JsonTypeInfo OptionsType => FakesJson.Default.MemoryOptions;

    public Exception? FailCreate { get; set; }

    public bool EndAtOnce { get; set; }

    public List<FakeExport> Made { get; } = [];

    public int Leases { get; private set; }

    public override ValueTask<BlockExport> CreateAsync(
        IExportContext context, JsonElement options, CancellationToken cancellationToken)
    {
        if (FailCreate is not null)
            throw FailCreate;
        if (EndAtOnce)
            context.Ended();
        var export = new FakeExport(context);
        Made.Add(export);
        return new(export);
    }

    public ValueTask<ExportTypeLease?> AcquireTypeAsync(string type, string user, CancellationToken cancellationToken)
    {
        if (type != Name)
            return new((ExportTypeLease?)null);
        Leases++;
        return new(new ExportTypeLease(this, new Use(this)));
    }

    private sealed class Use(FakeExportType type) : IDisposable
    {
        public void Dispose() => type.Leases--;
    }
}

internal sealed class FakeExport(IExportContext context) : BlockExport
{
    public IExportContext Context => context;

    public bool Clients { get; set; }

    public bool KeepsGoing { get; set; }

    public bool IsDisposed { get; private set; }

    public override bool HasClients => Clients;

    public override void RequestShutdown()
    {
        if (!KeepsGoing)
            context.Ended();
    }

    public override ValueTask DisposeAsync()
    {
        IsDisposed = true;
        return ValueTask.CompletedTask;
    }
}
