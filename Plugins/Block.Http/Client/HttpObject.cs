// SPDX-License-Identifier: MIT
using System.Net;
using System.Net.Http.Headers;
using BlockHost.Remote;
using BlockHost.Remote.Transfers;

namespace BlockHost.Plugins.Block.Http.Client;

/// <summary>
/// One version of an object. Redirects are followed when it is opened, and requests go to where they led; when that place has
/// gone (a signed URL runs out), they are followed anew.
/// </summary>
internal sealed class HttpObject : IRemoteObject
{
    private readonly HttpTransport _transport;
    private readonly Uri _url;
    private readonly FoundObject _first;
    private FoundObject _found;

    private HttpObject(HttpTransport transport, Uri url, FoundObject found) =>
        (_transport, _url, _first, _found) = (transport, url, found, found);

    public long Length => _first.Length;

    public string? Version => _first.Version;

    /// <exception cref="RemoteFault">There is none.</exception>
    public static async ValueTask<HttpObject> OpenAsync(
        HttpSettings settings, Lifeline lifeline, CancellationToken cancellationToken)
    {
        var transport = new HttpTransport(settings, lifeline);
        try
        {
            var url = settings.Curl.Url;
            var found = await new ObjectFinder(transport).FindAsync(url, cancellationToken).ConfigureAwait(false);
            return new HttpObject(transport, url, found);
        }
        catch
        {
            transport.Dispose();
            throw;
        }
    }

    public async ValueTask FetchAsync(Transfer transfer, CancellationToken cancellationToken)
    {
        var found = Volatile.Read(ref _found);
        using var answer = await AskAsync(found, transfer, cancellationToken).ConfigureAwait(false);
        if (found.Url != _url && IsGone(answer.StatusCode))
        {
            found = await FindAgainAsync(cancellationToken).ConfigureAwait(false);
            using var second = await AskAsync(found, transfer, cancellationToken).ConfigureAwait(false);
            await TakeAsync(second, transfer, cancellationToken).ConfigureAwait(false);
            return;
        }

        await TakeAsync(answer, transfer, cancellationToken).ConfigureAwait(false);
    }

    public ValueTask DisposeAsync()
    {
        _transport.Dispose();
        return default;
    }

    private async ValueTask<HttpResponseMessage> AskAsync(
        FoundObject found, Transfer transfer, CancellationToken cancellationToken)
    {
        using var request = _transport.Request(HttpMethod.Get, found.Url);
        request.Headers.Range = new RangeHeaderValue(transfer.Offset, transfer.Offset + transfer.Left - 1);
        found.AddCondition(request);
        return await _transport.SendAsync(request, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask TakeAsync(HttpResponseMessage answer, Transfer transfer, CancellationToken cancellationToken)
    {
        Check(answer, transfer);
        var body = await answer.Content.ReadAsStreamAsync(cancellationToken).ConfigureAwait(false);
        await using var _ = body.ConfigureAwait(false);
        await transfer.FillAsync(body, cancellationToken).ConfigureAwait(false);
    }

    /// <exception cref="RemoteFault">It is not the range that was asked for, of the version that was opened.</exception>
    private void Check(HttpResponseMessage answer, Transfer transfer)
    {
        switch (answer.StatusCode)
        {
            case HttpStatusCode.PartialContent:
                break;
            case HttpStatusCode.OK:
                throw new RemoteFault("The server answers a range request with something else than the range");
            case HttpStatusCode.PreconditionFailed or HttpStatusCode.RequestedRangeNotSatisfiable:
                throw Changed();
            default:
                throw ObjectFinder.Refused(answer.StatusCode);
        }

        var head = answer.Content.Headers;
        if (head.ContentRange is not { Unit: "bytes", From: { } from, To: { } to } range || from != transfer.Offset
            || to >= transfer.Offset + transfer.Left || (head.ContentLength ?? (to - from + 1)) != to - from + 1)
            throw new RemoteFault("The server answers a range request with another range");
        if ((range.Length ?? Length) != Length || !_first.IsSame(answer))
            throw Changed();
        ObjectFinder.CheckPlain(answer);
    }

    private async ValueTask<FoundObject> FindAgainAsync(CancellationToken cancellationToken)
    {
        var found = await new ObjectFinder(_transport).FindAsync(_url, cancellationToken).ConfigureAwait(false);
        if (found.Length != Length || found.Version != Version)
            throw Changed();
        Volatile.Write(ref _found, found);
        return found;
    }

    private static bool IsGone(HttpStatusCode status) => status is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden
        or HttpStatusCode.NotFound or HttpStatusCode.Gone;

    private static RemoteFault Changed() => new("The object on the server is not the one that was opened");
}
