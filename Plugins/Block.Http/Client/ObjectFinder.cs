// SPDX-License-Identifier: MIT
using System.Net;
using System.Net.Http.Headers;
using BlockHost.Remote;

namespace BlockHost.Plugins.Block.Http.Client;

/// <summary>
/// Asks for an object's head, through redirects, and where a head does not tell enough (or is refused, as a URL that was signed
/// for GET has it) for the first byte.
/// </summary>
internal sealed class ObjectFinder(HttpTransport transport)
{
    private const int MaxRedirects = 20;
    private const string NoRanges = "Server does not support 'range' (byte ranges).";

    /// <exception cref="RemoteFault">There is no such object, or no part of it can be had; QEMU's texts and curl's.</exception>
    public async ValueTask<FoundObject> FindAsync(Uri url, CancellationToken cancellationToken)
    {
        using var head = await FollowAsync(HttpMethod.Head, url, range: null, cancellationToken).ConfigureAwait(false);
        var status = head.Answer.StatusCode;
        if (status is HttpStatusCode.Forbidden or HttpStatusCode.MethodNotAllowed or HttpStatusCode.NotImplemented)
            return await ProbeAsync(url, cancellationToken).ConfigureAwait(false) ?? throw Refused(status);
        if ((int)status >= 400)
            throw Refused(status);
        var ranges = head.Answer.Headers.AcceptRanges;
        if (ranges.Contains("none", StringComparer.OrdinalIgnoreCase))
            throw new RemoteFault(NoRanges);
        var length = head.Answer.Content.Headers.ContentLength;
        CheckPlain(head.Answer);
        if (length == 0 || (length > 0 && ranges.Contains("bytes", StringComparer.OrdinalIgnoreCase)))
            return FoundObject.From(head.Url, length.Value, head.Answer);
        return await ProbeAsync(url, cancellationToken).ConfigureAwait(false)
            ?? throw new RemoteFault(length is null ? "Server didn't report file size." : NoRanges);
    }

    public static RemoteFault Refused(HttpStatusCode status) => new(
        $"The requested URL returned error: {(int)status}",
        mayPass: (int)status >= 500 || status is HttpStatusCode.TooManyRequests or HttpStatusCode.RequestTimeout);

    /// <exception cref="RemoteFault">What comes are not the object's own bytes.</exception>
    public static void CheckPlain(HttpResponseMessage answer)
    {
        if (answer.Content.Headers.ContentEncoding.FirstOrDefault(
            name => !name.Equals("identity", StringComparison.OrdinalIgnoreCase)) is { } encoding)
            throw new RemoteFault($"The server sends the object in another encoding ('{encoding}')");
    }

    /// <returns>Null: the server does not answer with one byte.</returns>
    private async ValueTask<FoundObject?> ProbeAsync(Uri url, CancellationToken cancellationToken)
    {
        using var first = await FollowAsync(HttpMethod.Get, url, new RangeHeaderValue(0, 0), cancellationToken)
            .ConfigureAwait(false);
        if (first.Answer.StatusCode != HttpStatusCode.PartialContent
            || first.Answer.Content.Headers.ContentRange is not { From: 0, To: 0, Length: { } length })
            return null;
        CheckPlain(first.Answer);
        return FoundObject.From(first.Url, length, first.Answer);
    }

    private async ValueTask<Head> FollowAsync(
        HttpMethod method, Uri url, RangeHeaderValue? range, CancellationToken cancellationToken)
    {
        for (var redirects = 0; redirects <= MaxRedirects; redirects++)
        {
            using var request = transport.Request(method, url);
            request.Headers.Range = range;
            var answer = await transport.SendAsync(request, cancellationToken).ConfigureAwait(false);
            if (!IsRedirect(answer.StatusCode) || answer.Headers.Location is not { } location)
                return new(url, answer);
            answer.Dispose();
            url = Next(url, location);
        }

        throw new RemoteFault($"Maximum ({MaxRedirects}) redirects followed");
    }

    /// <exception cref="RemoteFault">It leads out of the web, or from what is encrypted to what is not.</exception>
    private static Uri Next(Uri from, Uri location)
    {
        var to = new Uri(from, location);
        if (to.Scheme != Uri.UriSchemeHttp && to.Scheme != Uri.UriSchemeHttps)
            throw new RemoteFault($"The server redirects to the protocol '{to.Scheme}'");
        return from.Scheme == Uri.UriSchemeHttps && to.Scheme == Uri.UriSchemeHttp
            ? throw new RemoteFault("The server redirects from https to http")
            : to;
    }

    private static bool IsRedirect(HttpStatusCode status) => status is HttpStatusCode.MovedPermanently or HttpStatusCode.Found
        or HttpStatusCode.SeeOther or HttpStatusCode.TemporaryRedirect or HttpStatusCode.PermanentRedirect;

    private readonly record struct Head(Uri Url, HttpResponseMessage Answer) : IDisposable
    {
        public void Dispose() => Answer.Dispose();
    }
}
