// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Block.Facets;
using BlockHost.Crypto.Keys;
using BlockHost.Crypto.Luks;
using BlockHost.Plugins.Block.Qcow2.Format;
using BlockHost.Plugins.Block.Qcow2.Metadata;

namespace BlockHost.Plugins.Block.Qcow2.Encryption;

/// <summary>
/// Makes a new image an encrypted one: clusters for the LUKS header, its key, and then the image's header names them.
/// </summary>
internal static class EncryptionCreation
{
    /// <exception cref="BlockException">The password is missing, or the settings do not go together.</exception>
    public static void Require(IImageCreateContext context, Qcow2EncryptionCreation encryption)
    {
        _ = Password(context, encryption);
        if (encryption is Qcow2LuksCreation luks)
            new LuksCreation(luks.ToSettings()).Dispose();
    }

    /// <summary>Bytes of the clusters that a header takes.</summary>
    public static long HeaderBytes(Qcow2LuksCreation luks, ClusterGeometry geometry)
    {
        using var creation = new LuksCreation(luks.ToSettings());
        return geometry.ClustersFor(creation.HeaderBytes) << geometry.ClusterBits;
    }

    /// <param name="image">Empty, and used by nobody else.</param>
    public static async ValueTask RunAsync(
        IImageCreateContext context, Qcow2Image image, Qcow2EncryptionCreation encryption, CancellationToken cancellationToken)
    {
        if (encryption is not Qcow2LuksCreation luks)
        {
            await image.Header.UpdateAsync(image.Header.Current with { Crypt = CryptMethod.Aes }).ConfigureAwait(false);
            return;
        }

        using var creation = new LuksCreation(luks.ToSettings());
        var clusters = image.Geometry.ClustersFor(creation.HeaderBytes);
        var run = await QuietImage.RunAsync(
            image, () => image.Allocator.AllocateWholeAsync(clusters), cancellationToken).ConfigureAwait(false);
        var extension = new EncryptionExtension(run.First << image.Geometry.ClusterBits, creation.HeaderBytes);
        await image.File.WriteAsync(
            extension.Offset, new byte[creation.HeaderBytes], cancellationToken: cancellationToken).ConfigureAwait(false);
        var area = new LuksArea(image.File, extension.Offset, isDetached: true, extension.Length);
        await creation.WriteAsync(
            area, Password(context, encryption), context.Host.Clock, cancellationToken).ConfigureAwait(false);
        await QuietImage.RunAsync(image, SwitchAsync, cancellationToken).ConfigureAwait(false);

        async ValueTask<bool> SwitchAsync()
        {
            await image.Flusher.SyncRefcountsAsync().ConfigureAwait(false);
            var header = image.Header.Current with { Crypt = CryptMethod.Luks };
            await image.Header.UpdateAsync(
                header.WithExtension(HeaderExtension.Encryption, extension.ToBytes())).ConfigureAwait(false);
            return true;
        }
    }

    private static ReadOnlyMemory<byte> Password(IImageCreateContext context, Qcow2EncryptionCreation encryption) =>
        Secrets.Require(context.Host.Objects, encryption.Secret, "encrypt.key-secret");
}
