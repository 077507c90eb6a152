// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Crypto.Keys;
using BlockHost.Crypto.Luks;
using BlockHost.Crypto.Sectors;
using BlockHost.Plugins.Block.Qcow2.Format;

namespace BlockHost.Plugins.Block.Qcow2.Encryption;

/// <summary>How an image is encrypted, and with what it was opened.</summary>
/// <param name="keySecret">Id of the secret; null: nobody reads or writes data.</param>
/// <param name="area">Where a LUKS header lies.</param>
/// <param name="luks">What it says.</param>
/// <param name="cipher">Null: nobody reads or writes data.</param>
internal sealed class ImageEncryption(string? keySecret, LuksArea? area, LuksInfo? luks, ImageCipher? cipher)
{
    private const string Option = "encrypt.key-secret";

    private LuksInfo? _luks = luks;

    public string? KeySecret => keySecret;

    public LuksArea? Area => area;

    public ImageCipher? Cipher => cipher;

    public Qcow2EncryptionInfo Info => _luks is null ? new Qcow2AesInfo() : Qcow2LuksInfo.Of(_luks);

    /// <summary>The key slots are others now.</summary>
    public void Show(LuksHeader header) => _luks = LuksInfo.Of(header, LuksSettings.Parse(header));

    /// <returns>Null: the image is not encrypted.</returns>
    /// <exception cref="BlockException">The options do not fit the image, or the password does not.</exception>
    public static async ValueTask<ImageEncryption?> OpenAsync(
        IBlockChild file,
        Qcow2Header header,
        Qcow2Options options,
        IBlockNodeContext context,
        CancellationToken cancellationToken)
    {
        if (header.Crypt != CryptMethod.Luks && header.Extension(HeaderExtension.Encryption) is not null)
            throw new Qcow2FormatException("CRYPTO header extension only expected with LUKS encryption method");
        RequireFormat(header, options);
        var secret = options.Encrypt?.Secret ?? options.EncryptKeySecret;
        if (header.Crypt == CryptMethod.None)
            return null;
        var isLocked = Secrets.AreLeftOut(context, secret);
        if (header.Crypt == CryptMethod.Aes)
            return new ImageEncryption(secret, area: null, luks: null, isLocked ? null : OpenAes(secret, context));
        var extension = EncryptionExtension.Find(header)!.Value;
        var area = new LuksArea(file, extension.Offset, isDetached: true, extension.Length);
        var luks = await area.ReadHeaderAsync(cancellationToken).ConfigureAwait(false);
        var settings = LuksSettings.Parse(luks);
        var cipher = isLocked
            ? null
            : await UnlockAsync(area, luks, settings, secret, context, cancellationToken).ConfigureAwait(false);
        return new ImageEncryption(secret, area, LuksInfo.Of(luks, settings), cipher);
    }

    private static void RequireFormat(Qcow2Header header, Qcow2Options options)
    {
        var wanted = options.Encrypt switch
        {
            null => null,
            Qcow2AesKey => "aes",
            _ => "luks",
        };
        if (wanted is null)
            return;
        var recorded = header.Crypt == CryptMethod.Aes ? "aes" : "luks";
        if (header.Crypt == CryptMethod.None)
            throw Refuse($"No encryption in image header, but options specified format '{wanted}'");
        if (wanted != recorded)
            throw Refuse($"Header reported '{recorded}' encryption format but options specify '{wanted}'");
    }

    private static ImageCipher OpenAes(string? secret, IBlockNodeContext context) =>
        new(LegacyAes.Create(Secrets.Require(context, secret, Option).Span), countsOnDisk: true);

    private static async ValueTask<ImageCipher> UnlockAsync(
        LuksArea area,
        LuksHeader header,
        LuksSettings settings,
        string? secret,
        IBlockNodeContext context,
        CancellationToken cancellationToken)
    {
        var password = Secrets.Require(context, secret, Option);
        using var key = await LuksKeys.UnlockAsync(area, header, settings, password, cancellationToken).ConfigureAwait(false)
            ?? throw new BlockException(BlockErrorKind.PermissionDenied, "Invalid password, cannot unlock any keyslot");
        return new ImageCipher(SectorCipher.Create(settings.Cipher, key.Span), countsOnDisk: false);
    }

    private static BlockException Refuse(string message) => new(BlockErrorKind.InvalidArgument, message);
}
