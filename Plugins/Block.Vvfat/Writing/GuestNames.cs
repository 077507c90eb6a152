// SPDX-License-Identifier: MIT
using System.Text;

namespace BlockHost.Plugins.Block.Vvfat.Writing;

/// <summary>Which names of a guest become names of the host.</summary>
internal static class GuestNames
{
    private const int MostBytes = 255;
    private const byte LowerStem = 0x08;
    private const byte LowerExtension = 0x10;

    /// <summary>The upper half of code page 437, which short names are in.</summary>
    private const string UpperHalf =
        "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0";

    /// <exception cref="GuestFaultException">No entry of a folder can have this name, or it leads elsewhere.</exception>
    public static void Check(string name, string folder)
    {
        if (name.Length == 0 || name is "." or ".." || name.Contains('/') || name.Contains('\0'))
            throw new GuestFaultException($"folder '{folder}' has an entry named '{name}', which no file can have");
        var strict = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);
        try
        {
            if (strict.GetByteCount(name) > MostBytes)
                throw new GuestFaultException($"a name in folder '{folder}' is longer than {MostBytes} bytes: '{name}'");
        }
        catch (EncoderFallbackException)
        {
            throw new GuestFaultException($"a name in folder '{folder}' is no text");
        }
    }

    /// <summary>With the case that Windows NT notes in byte 12.</summary>
    public static string OfShort(ReadOnlySpan<byte> entry)
    {
        var stem = Decode(entry[..8], (entry[12] & LowerStem) != 0);
        var extension = Decode(entry[8..11], (entry[12] & LowerExtension) != 0);
        return extension.Length == 0 ? stem : $"{stem}.{extension}";
    }

    private static string Decode(ReadOnlySpan<byte> bytes, bool isLower)
    {
        var text = new StringBuilder();
        foreach (var b in bytes)
            text.Append(b < 0x80 ? (char)b : UpperHalf[b - 0x80]);
        // A first byte of 05h stands for E5h, which marks what is deleted.
        if (text[0] == '\u0005')
            text[0] = UpperHalf[0xe5 - 0x80];
        var name = text.ToString().TrimEnd(' ');
        return isLower ? name.ToLowerInvariant() : name;
    }
}
