// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.Vvfat.Layout;

/// <summary>
/// Characters that Linux allows in names and FAT does not stand in Unicode's private area, as other programs that share folders
/// between the systems put them there: U+F000 and the character's number. So every name can be shown, and found again.
/// </summary>
internal static class NameCharacters
{
    private const char Private = '\uf000';
    private const string Forbidden = "\"*:<>?\\|";

    public static string ToFat(string name)
    {
        var text = name.ToCharArray();
        for (var i = 0; i < text.Length; i++)
        {
            // Windows drops dots and spaces at the end.
            var isLast = i == text.Length - 1;
            if (IsForbidden(text[i]) || (isLast && text[i] is '.' or ' '))
                text[i] += Private;
        }

        return new string(text);
    }

    public static string ToHost(string name)
    {
        var text = name.ToCharArray();
        for (var i = 0; i < text.Length; i++)
        {
            var plain = (char)(text[i] - Private);
            // Of those only, that are put there above: no slash and no NUL comes out of it.
            if (text[i] >= Private && plain != 0 && (IsForbidden(plain) || plain is '.' or ' '))
                text[i] = plain;
        }

        return new string(text);
    }

    public static bool IsForbidden(char c) => c < ' ' || Forbidden.Contains(c);
}
