// SPDX-License-Identifier: MIT
namespace BlockHost.Core.Json;

internal enum JsonToken
{
    ObjectStart,
    ObjectEnd,
    ArrayStart,
    ArrayEnd,
    Colon,
    Comma,
    String,
    Number,
    Keyword,
}
