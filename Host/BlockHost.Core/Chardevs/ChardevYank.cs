// SPDX-License-Identifier: MIT
using System.Text.Json.Serialization.Metadata;
using BlockHost.Qmp;
using BlockHost.Yank;

namespace BlockHost.Core.Chardevs;

/// <summary>The yank type "chardev": a device of any backend that asks for it.</summary>
internal sealed class ChardevYank : YankInstanceProvider
{
    private const string Type = "chardev";

    public override string InstanceType => Type;

    public override JsonTypeInfo? IdentityType => ChardevJson.Default.ChardevIdentity;

    public static YankInstance InstanceOf(string id) =>
        new(Type, QmpJson.WriteObject(writer => writer.WriteString("id", id)));
}

/// <summary>QAPI struct YankInstanceChardev.</summary>
internal sealed record ChardevIdentity
{
    public required string Id { get; init; }
}
