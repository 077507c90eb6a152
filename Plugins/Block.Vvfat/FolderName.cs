// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.Vvfat;

/// <summary>
/// A file name of the driver:
/// <code>
///   fat:[rw:][floppy:][12:|16:|32:]FOLDER       the words in any order
/// </code>
/// QEMU takes what follows the last colon for the folder, so that it opens none with a colon in its name.
/// </summary>
internal static class FolderName
{
    private const string Prefix = "fat:";

    public static VvfatOptions Parse(string fileName)
    {
        var options = new VvfatOptions { Dir = "", FatType = 0, Floppy = false, Rw = false };
        var rest = fileName.StartsWith(Prefix, StringComparison.Ordinal) ? fileName[Prefix.Length..] : fileName;
        while (rest.IndexOf(':') is var colon and >= 0 && With(options, rest[..colon]) is { } changed)
        {
            options = changed;
            rest = rest[(colon + 1)..];
        }

        return options with { Dir = rest };
    }

    private static VvfatOptions? With(VvfatOptions options, string word) => word switch
    {
        "12" => options with { FatType = 12 },
        "16" => options with { FatType = 16 },
        "32" => options with { FatType = 32 },
        "floppy" => options with { Floppy = true },
        "rw" => options with { Rw = true },
        _ => null,
    };
}
