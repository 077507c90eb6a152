// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Objects;

namespace BlockHost.Crypto.Keys;

/// <summary>Passwords that options name by the id of an object.</summary>
public static class Secrets
{
    /// <param name="option">As errors name it: <c>key-secret</c>, <c>encrypt.key-secret</c>.</param>
    public static ReadOnlyMemory<byte> Require(IUserObjects objects, string? id, string option) => id is null
        ? throw Refusal.Because($"Parameter '{option}' is required for cipher")
        : Find(objects, id);

    /// <summary>The password of an image: the secret that its options name, or what block_passwd has given.</summary>
    /// <inheritdoc cref="Require(IUserObjects, string?, string)"/>
    public static ReadOnlyMemory<byte> Require(IBlockNodeContext context, string? id, string option) =>
        id is null && context.Password is { } given ? given : Require(context.Host.Objects, id, option);

    /// <summary>The image is opened without its key.</summary>
    public static bool AreLeftOut(IBlockNodeContext context, string? id) =>
        context.NoIo || (context.PasswordMayBeMissing && id is null && context.Password is null);

    public static ReadOnlyMemory<byte> Find(IUserObjects objects, string id)
    {
        if (objects.TryGet<ISecret>(id, out var secret))
            return secret.Data;
        throw Refusal.Because(objects.TryGet<object>(id, out _)
            ? $"Object with id '{id}' is not a secret"
            : $"No secret with id '{id}'");
    }
}
