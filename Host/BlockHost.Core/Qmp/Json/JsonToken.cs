// SPDX-License-Identifier: MIT
namespace BlockHost.Core.Qmp.Json;

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
