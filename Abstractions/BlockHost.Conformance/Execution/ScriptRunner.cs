// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Conformance.Model;

namespace BlockHost.Conformance.Execution;

/// <summary>Runs a sequence on a node and on its model side by side, and compares.</summary>
internal sealed class ScriptRunner : IAsyncDisposable
{
    private readonly CheckContext _check;
    private readonly SubjectImage _image;
    private readonly SessionOptions _options;

    private ScriptRunner(
        CheckContext check, SubjectImage image, SessionOptions options, NodeSession session, ReferenceImage model)
    {
        _check = check;
        _image = image;
        _options = options;
        Session = session;
        Model = model;
    }

    public NodeSession Session { get; private set; }

    public ReferenceImage Model { get; }

    private bool Stored => _check.Subject.Data == SubjectData.Stored;

    private bool HasBacking => _image.Children.Values.Any(c => (c.Role & BlockChildRole.CopyOnWrite) != 0);

    public static async Task<ScriptRunner> StartAsync(
        CheckContext check, SubjectImage image, SessionOptions? options = null, ReferenceImage? model = null)
    {
        options ??= new SessionOptions();
        var session = await NodeSession.OpenAsync(check, image, options).ConfigureAwait(false);
        if (session.Profile.Length != image.Length && model is null)
            throw new CheckFailure($"The node is {session.Profile.Length} bytes long, its image {image.Length}");
        model ??= new ReferenceImage(image.Length, image.Content.Span);
        if (check.Subject.Data == SubjectData.Undefined)
            model.Forget(0, model.Length);
        return new ScriptRunner(check, image, options, session, model);
    }

    public async Task RunAsync(IReadOnlyList<ScriptOperation> script)
    {
        foreach (var operation in script)
        {
            if (await StepAsync(operation).ConfigureAwait(false) is { } error)
                throw new CheckFailure($"'{operation}' failed: {error.Message} (errno {error.Errno})", error);
        }
    }

    /// <summary>One step. A <see cref="BlockException"/> is an answer: the model then allows the old and the new data.</summary>
    public async Task<BlockException?> StepAsync(ScriptOperation operation)
    {
        if (Fit(operation) is not { } fitted)
            return null;
        operation = fitted;
        try
        {
            await DispatchAsync(operation).ConfigureAwait(false);
            return null;
        }
        catch (BlockException e)
        {
            Doubt(operation);
            return e;
        }
        catch (Exception e) when (e is not (CheckFailure or CheckSkipped) && !_check.Cancellation.IsCancellationRequested)
        {
            throw new CheckFailure($"'{operation}' threw {e.GetType().Name} rather than BlockException: {e.Message}", e);
        }
    }

    /// <summary>Reads all of the image and compares it with the model.</summary>
    public async Task VerifyAsync(string when)
    {
        const int Chunk = 256 * 1024;
        for (long offset = 0; offset < Model.Length; offset += Chunk)
        {
            var bytes = Math.Min(Chunk, Model.Length - offset);
            try
            {
                await ReadAsync(new ScriptOperation(ScriptKind.Read, offset, bytes)).ConfigureAwait(false);
            }
            catch (BlockException e)
            {
                throw new CheckFailure($"{when}: reading 0x{offset:x}+0x{bytes:x} failed: {e.Message}", e);
            }
            catch (CheckFailure e)
            {
                throw new CheckFailure($"{when}: {e.Message}", e);
            }
        }
    }

    /// <summary>Asks the format, where it can tell, whether its image is sound.</summary>
    public async Task<ImageCheckResult?> CheckImageAsync()
    {
        if (!Session.Node.TryGetFacet<IImageCheck>(out var facet))
            return null;
        return await _check.BoundedAsync(
            facet.CheckAsync(CheckRepair.None, _check.Cancellation).AsTask(), "check").ConfigureAwait(false);
    }

    public async Task ReopenAsync()
    {
        await Session.DisposeAsync().ConfigureAwait(false);
        Session = await NodeSession.OpenAsync(_check, _image, _options).ConfigureAwait(false);
        if (Session.Profile.Length != Model.Length)
            throw new CheckFailure($"The node is {Session.Profile.Length} bytes long after a reopen, and was {Model.Length}");
    }

    public ValueTask DisposeAsync() => Session.DisposeAsync();

    private Task DispatchAsync(ScriptOperation operation) => operation.Kind switch
    {
        ScriptKind.Read => ReadAsync(operation),
        ScriptKind.Write => WriteAsync(operation),
        ScriptKind.WriteZeroes => WriteZeroesAsync(operation),
        ScriptKind.Discard => DiscardAsync(operation),
        ScriptKind.Flush => Session.CallAsync("flush", n => n.FlushAsync(CancellationToken.None)),
        ScriptKind.Status => new StatusProbe(_check, Session, _image, Model).ProbeAsync(operation.Offset, operation.Bytes),
        ScriptKind.Resize => ResizeAsync(operation),
        _ => ReopenAsync(),
    };

    /// <summary>Cuts a range to the image's present length; null where nothing is left.</summary>
    private ScriptOperation? Fit(ScriptOperation operation)
    {
        if (!operation.IsRange)
            return operation;
        var bytes = Math.Min(operation.Bytes, Model.Length - operation.Offset);
        return bytes <= 0 ? null : operation with { Bytes = bytes };
    }

    private void Doubt(ScriptOperation operation)
    {
        if (!Stored)
            return;
        if (operation.Kind == ScriptKind.Write)
            Model.MayHaveWritten(operation.Offset, Pattern.Make(operation.Seed, operation.Bytes));
        else if (operation.Kind == ScriptKind.WriteZeroes)
            Model.MayHaveZeroed(operation.Offset, operation.Bytes);
        else if (operation.Kind == ScriptKind.Discard)
            DoubtDiscard(operation);
    }

    private void DoubtDiscard(ScriptOperation operation)
    {
        if (HasBacking)
            Model.Forget(operation.Offset, operation.Bytes);
        else
            Model.MayHaveZeroed(operation.Offset, operation.Bytes);
    }

    private async Task ReadAsync(ScriptOperation operation)
    {
        var buffer = new GuardedBuffer(operation.Bytes, operation.Segments, Session.MemoryAlignment);
        await InPiecesAsync(operation.Bytes, Session.Profile.Limits.MaxTransfer, (start, bytes) => Session.CallAsync(
            operation.ToString(),
            n =>
                n.ReadAsync(
                    operation.Offset + start,
                    buffer.Slice.Slice(start, bytes),
                    ReadFlags.None,
                    CancellationToken.None))).ConfigureAwait(false);
        if (!buffer.GuardsIntact)
            throw new CheckFailure($"'{operation}' wrote outside of its target");
        if (Model.Explain(operation.Offset, buffer.Content()) is { } fault)
            throw new CheckFailure($"'{operation}': {fault}");
    }

    private async Task WriteAsync(ScriptOperation operation)
    {
        var data = Pattern.Make(operation.Seed, operation.Bytes);
        var flags = operation.Flag && Session.Profile.Fua == Support.Native ? WriteFlags.Fua : WriteFlags.None;
        await WriteDataAsync(operation, data, flags).ConfigureAwait(false);
        if (Stored)
            Model.Write(operation.Offset, data);
    }

    private async Task WriteDataAsync(ScriptOperation operation, byte[] data, WriteFlags flags)
    {
        var buffer = new GuardedBuffer(data, operation.Segments, Session.MemoryAlignment);
        await InPiecesAsync(data.Length, Session.Profile.Limits.MaxTransfer, (start, bytes) => Session.CallAsync(
            operation.ToString(),
            n =>
                n.WriteAsync(
                    operation.Offset + start,
                    buffer.Slice.Slice(start, bytes),
                    flags,
                    CancellationToken.None))).ConfigureAwait(false);
        if (!buffer.GuardsIntact || !buffer.Content().AsSpan().SequenceEqual(data))
            throw new CheckFailure($"'{operation}' changed its source");
    }

    private async Task WriteZeroesAsync(ScriptOperation operation)
    {
        foreach (var part in SplitAt(operation, Session.Profile.Limits.WriteZeroesAlignment))
        {
            if (!await TryWriteZeroesAsync(part).ConfigureAwait(false))
                await WriteDataAsync(part, new byte[part.Bytes], WriteFlags.None).ConfigureAwait(false);
        }

        if (Stored)
            Model.WriteZeroes(operation.Offset, operation.Bytes);
    }

    private async Task<bool> TryWriteZeroesAsync(ScriptOperation operation)
    {
        if (Session.Profile.WriteZeroes != Support.Native)
            return false;
        var flags = operation.Flag ? ZeroFlags.MayUnmap & Session.Profile.WriteZeroesFlags : ZeroFlags.None;
        try
        {
            await InPiecesAsync(operation.Bytes, Session.Profile.Limits.MaxWriteZeroes, (start, bytes) => Session.CallAsync(
                operation.ToString(),
                n => n.WriteZeroesAsync(operation.Offset + start, bytes, flags, CancellationToken.None))).ConfigureAwait(false);
            return true;
        }
        catch (BlockException e) when (e.Kind == BlockErrorKind.NotSupported)
        {
            return false;
        }
    }

    private async Task DiscardAsync(ScriptOperation operation)
    {
        try
        {
            await InPiecesAsync(operation.Bytes, Session.Profile.Limits.MaxDiscard, (start, bytes) => Session.CallAsync(
                operation.ToString(),
                n => n.DiscardAsync(operation.Offset + start, bytes, CancellationToken.None))).ConfigureAwait(false);
        }
        catch (BlockException e) when (e.Kind == BlockErrorKind.NotSupported)
        {
        }

        if (Stored)
            DoubtDiscard(operation);
    }

    private async Task ResizeAsync(ScriptOperation operation)
    {
        if (!Session.Node.TryGetFacet<IResizable>(out var facet))
            return;
        var options = new ResizeOptions(ZeroNewArea: HasBacking || operation.Flag);
        try
        {
            await Session.CallAsync(
                operation.ToString(),
                _ => facet.ResizeAsync(operation.Bytes, options, CancellationToken.None)).ConfigureAwait(false);
        }
        catch (BlockException e) when (e.Kind == BlockErrorKind.NotSupported)
        {
            return;
        }

        Model.Resize(operation.Bytes, options.ZeroNewArea && _check.Subject.Data != SubjectData.Undefined);
        if (Session.Profile.Length != operation.Bytes)
            throw new CheckFailure($"After '{operation}' the node is 0x{Session.Profile.Length:x} bytes long");
    }

    /// <summary>As a host splits requests that are larger than a node takes.</summary>
    private static async Task InPiecesAsync(long bytes, long max, Func<long, long, Task> call)
    {
        var piece = max > 0 ? max : bytes;
        for (long start = 0; start < bytes; start += piece)
            await call(start, Math.Min(piece, bytes - start)).ConfigureAwait(false);
    }

    /// <summary>Head, aligned middle and tail, as a host cuts a zeroing.</summary>
    private static IEnumerable<ScriptOperation> SplitAt(ScriptOperation operation, long alignment)
    {
        var end = operation.Offset + operation.Bytes;
        var first = alignment > 1 ? (operation.Offset + alignment - 1) / alignment * alignment : operation.Offset;
        var last = alignment > 1 ? end / alignment * alignment : end;
        if (first >= last)
            return [operation];
        return new[] { (operation.Offset, first), (first, last), (last, end) }
            .Where(p => p.Item2 > p.Item1)
            .Select(p => operation with { Offset = p.Item1, Bytes = p.Item2 - p.Item1 });
    }
}
