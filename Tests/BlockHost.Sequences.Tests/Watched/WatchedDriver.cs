// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Block;
using BlockHost.Block.Facets;

namespace BlockHost.Sequences.Tests.Watched;

/// <summary>A driver of files that tells what is done with them.</summary>
internal sealed class WatchedDriver(BlockDriver inner, FileWatch watch) : BlockDriver, IImageCreator
{
    private readonly IImageCreator _creator = inner.TryGetFacet<IImageCreator>(out var creator)
        ? creator
        : throw new ArgumentException("It makes no files", nameof(inner));

    public override string FormatName => inner.FormatName;

    public override BlockDriverKind Kind => inner.Kind;

    public override Concurrency Concurrency => inner.Concurrency;

    public override JsonTypeInfo OptionsType => inner.OptionsType;

    public override IReadOnlyList<string> FileNamePrefixes => inner.FileNamePrefixes;

    public override IReadOnlyList<string> StrongOptions => inner.StrongOptions;

    public JsonTypeInfo CreateOptionsType => _creator.CreateOptionsType;

    public IReadOnlyList<CreateOption> CreateOptions => _creator.CreateOptions;

    public override bool TryParseFileName(string fileName, [NotNullWhen(true)] out JsonElement? options) =>
        inner.TryParseFileName(fileName, out options);

    public override JsonElement Modernise(JsonElement options) => inner.Modernise(options);

    public override async ValueTask<BlockNode> OpenAsync(
        IBlockNodeContext context, JsonElement options, CancellationToken cancellationToken) =>
        new WatchedNode(
            await inner.OpenAsync(context, options, cancellationToken), PathOf(options), watch);

    public async ValueTask CreateAsync(IImageCreateContext context, JsonElement options, CancellationToken cancellationToken)
    {
        var size = options.TryGetProperty("size", out var given) ? given.GetInt64() : 0;
        var operation = new FileOperation(FileWork.Create, PathOf(options), Bytes: size);
        watch.Before(operation);
        await _creator.CreateAsync(context, options, cancellationToken);
        watch.After(operation);
    }

    public override bool TryGetFacet<T>([NotNullWhen(true)] out T? facet)
        where T : class
        => base.TryGetFacet(out facet) || inner.TryGetFacet(out facet);

    private static string PathOf(JsonElement options) => Path.GetFullPath(options.GetProperty("filename").GetString()!);
}
