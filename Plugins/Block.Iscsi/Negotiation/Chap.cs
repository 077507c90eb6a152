// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using BlockHost.Plugins.Block.Iscsi.Protocol;
using BlockHost.Remote;
using BlockHost.Remote.Options;

namespace BlockHost.Plugins.Block.Iscsi.Negotiation;

/// <summary>
/// CHAP (RFC 7143, section 12.1.3): each side proves by HASH(identifier, password, challenge) that it knows a password, which
/// never goes over the wire.
/// </summary>
internal sealed class Chap(Login own, Login? targets, IscsiChapHash hash)
{
    private const int ChallengeLength = 16;

    /// <summary>RFC 7143, section 13: binary values.</summary>
    private const int LongestChallenge = 1024;

    private readonly byte[] _challenge = RandomNumberGenerator.GetBytes(ChallengeLength);
    private readonly byte _identifier = RandomNumberGenerator.GetBytes(1)[0];

    public static KeyText Begin(IscsiChapHash hash) => new KeyText().Add("CHAP_A", Number((int)hash));

    /// <summary>Answers the target's challenge; where it has to log in too, with one for it.</summary>
    /// <exception cref="RemoteFault">The challenge makes no sense.</exception>
    public KeyText Answer(KeyText target)
    {
        if (target["CHAP_A"] != Number((int)hash))
            throw Wrong("it does not take the hash that was offered");
        var identifier = Identifier(target["CHAP_I"]);
        var challenge = Binary(target["CHAP_C"]);
        var answer = new KeyText().Add("CHAP_N", own.User).Add("CHAP_R", Hex(Response(identifier, own, challenge)));
        if (targets is null)
            return answer;
        return answer.Add("CHAP_I", Number(_identifier)).Add("CHAP_C", Hex(_challenge));
    }

    /// <summary>The target's own login, where it is asked for one.</summary>
    /// <exception cref="RemoteFault">It does not know the password.</exception>
    public void CheckTarget(KeyText target)
    {
        if (targets is null)
            return;
        var isRight = target["CHAP_N"] == targets.User
            && CryptographicOperations.FixedTimeEquals(
                Binary(target["CHAP_R"]), Response(_identifier, targets, _challenge));
        if (!isRight)
            throw new RemoteFault("Authentication failed. Invalid CHAP_R response from the target");
    }

    private byte[] Response(byte identifier, Login login, byte[] challenge)
    {
        byte[] message = [identifier, .. Encoding.UTF8.GetBytes(login.Password), .. challenge];
        return hash switch
        {
            IscsiChapHash.Sha1 => SHA1.HashData(message),
            IscsiChapHash.Sha256 => SHA256.HashData(message),
            _ => MD5.HashData(message),
        };
    }

    private static byte Identifier(string? text)
    {
        if (text is null)
            throw Wrong("there is no identifier");
        var isHex = text.StartsWith("0x", StringComparison.OrdinalIgnoreCase);
        var isRight = isHex
            ? byte.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var number)
            : byte.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
        return isRight ? number : throw Wrong("the identifier is no number from 0 to 255");
    }

    /// <summary>0x and hexadecimal digits, or 0b and base64 (RFC 7143, section 6.1).</summary>
    private static byte[] Binary(string? text)
    {
        if (text is null || text.Length is < 3 or > (2 * LongestChallenge) + 2)
            throw Wrong("there is no challenge, or one that is too long");
        try
        {
            return text[..2] switch
            {
                "0x" or "0X" => Convert.FromHexString(text.Length % 2 == 0 ? text[2..] : $"0{text[2..]}"),
                "0b" or "0B" => Convert.FromBase64String(text[2..]),
                _ => throw Wrong("a binary value begins with neither 0x nor 0b"),
            };
        }
        catch (FormatException)
        {
            throw Wrong("a binary value has other characters than its digits");
        }
    }

    private static string Hex(byte[] bytes) => $"0x{Convert.ToHexStringLower(bytes)}";

    private static string Number(int number) => number.ToString(CultureInfo.InvariantCulture);

    private static RemoteFault Wrong(string what) => new($"Failed to log in to target. Its CHAP makes no sense: {what}");
}
