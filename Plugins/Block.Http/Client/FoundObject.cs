// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Net.Http.Headers;

namespace BlockHost.Plugins.Block.Http.Client;

/// <summary>Where an object lies behind all redirects, and what tells it from a later version of itself.</summary>
internal sealed record FoundObject(Uri Url, long Length, EntityTagHeaderValue? Tag, DateTimeOffset? LastModified)
{
    /// <summary>An entity tag, or the date where there is none.</summary>
    public string? Version => Tag?.ToString() ?? LastModified?.ToString("O", CultureInfo.InvariantCulture);

    public static FoundObject From(Uri url, long length, HttpResponseMessage answer) =>
        new(url, length, answer.Headers.ETag, answer.Content.Headers.LastModified);

    /// <summary>
    /// Has the server refuse where it has another version by now. A weak tag never matches in such a condition (RFC 9110,
    /// 13.1.1).
    /// </summary>
    public void AddCondition(HttpRequestMessage request)
    {
        if (Tag is { IsWeak: false })
            request.Headers.IfMatch.Add(Tag);
        else if (Tag is null && LastModified is not null)
            request.Headers.IfUnmodifiedSince = LastModified;
    }

    /// <summary>Whether an answer is one about the same version, so far as it says.</summary>
    public bool IsSame(HttpResponseMessage answer)
    {
        if (Tag is not null && answer.Headers.ETag is { } tag)
            return Tag.Equals(tag);
        return LastModified is null || answer.Content.Headers.LastModified is not { } date || date == LastModified;
    }
}
