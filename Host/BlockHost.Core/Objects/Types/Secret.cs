// SPDX-License-Identifier: MIT
using System.Security.Cryptography;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Objects;

namespace BlockHost.Core.Objects.Types;

/// <summary>A secret's bytes; they never appear in messages or logs.</summary>
/// <param name="data">This object's from then on; zeroed at its end.</param>
/// <param name="shown">What queries show.</param>
internal sealed class Secret<TOptions>(string type, byte[] data, JsonTypeInfo<TOptions> json, TOptions shown)
    : UserObject<TOptions>(json), ISecret
    where TOptions : class
{
    public ReadOnlyMemory<byte> Data => data;

    protected override TOptions Properties => shown;

    public override ValueTask DisposeAsync()
    {
        CryptographicOperations.ZeroMemory(data);
        return ValueTask.CompletedTask;
    }

    public override string ToString() => type;
}
