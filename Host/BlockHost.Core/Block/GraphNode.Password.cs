// SPDX-License-Identifier: MIT
using System.Security.Cryptography;
using BlockHost.Core.Block.Io;

namespace BlockHost.Core.Block;

/// <summary>The key of an encrypted image that was opened without one, and so stays inactive until it has come.</summary>
internal sealed partial class GraphNode
{
    private byte[]? _password;

    // A null array converts to memory of no bytes, which is a password.
    public ReadOnlyMemory<byte>? Password => _password is { } password ? password : default(ReadOnlyMemory<byte>?);

    public async ValueTask<bool> IsKeyMissingAsync(CancellationToken cancellationToken) =>
        !IsActive && (await GetFactsAsync(cancellationToken).ConfigureAwait(false)).IsKeyMissing;

    /// <summary>In a drained section: keeps the password where it opens the image.</summary>
    /// <exception cref="BlockException">It does not.</exception>
    public async ValueTask TakePasswordAsync(ReadOnlyMemory<byte> password, CancellationToken cancellationToken)
    {
        // Pinned, so that no copy is left behind.
        _password = GC.AllocateUninitializedArray<byte>(password.Length, pinned: true);
        password.CopyTo(_password);
        try
        {
            var half = await OpenForReadingAsync(cancellationToken).ConfigureAwait(false);
            await half.DisposeAsync().ConfigureAwait(false);
            ShowLocked(false);
        }
        catch
        {
            ForgetPassword();
            throw;
        }
    }

    /// <summary>Another image that was to be opened with it cannot be.</summary>
    public void LosePassword()
    {
        ForgetPassword();
        ShowLocked(true);
    }

    private void ShowLocked(bool isLocked) => (_driversNode as InactiveNode)?.ShowLocked(isLocked);

    private void ForgetPassword()
    {
        CryptographicOperations.ZeroMemory(_password);
        _password = null;
    }
}
