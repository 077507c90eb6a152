// SPDX-License-Identifier: MIT
using System.Globalization;
using BlockHost.CommandLine;
using BlockHost.Images;

namespace BlockHost.Tools.Img.Platforms;

/// <summary>An option that an image for a platform has.</summary>
/// <param name="Values">That the platform takes; the first one is set where the user says nothing.</param>
internal sealed record PlatformOption(string Name, params string[] Values);

/// <summary>A format that a platform takes.</summary>
/// <param name="LargestDisk">In bytes.</param>
internal sealed record PlatformFormat(string Name, long LargestDisk, params PlatformOption[] Options);

/// <summary>What a platform demands of a disk that is to run there.</summary>
/// <param name="Title">As its maker writes it.</param>
/// <param name="Formats">The first one is usual.</param>
/// <param name="Unit">Disks have whole multiples of this; they are made longer until they do.</param>
/// <param name="SmallestDisk">In bytes; a disk that is smaller is made longer.</param>
/// <param name="IsArchived">The image is put into an archive.</param>
internal sealed record Platform(
    string Name, string Title, IReadOnlyList<PlatformFormat> Formats, long Unit, long SmallestDisk = 0, bool IsArchived = false)
{
    public string UsualFormat => Formats[0].Name;

    /// <exception cref="ToolException">There is no such platform.</exception>
    public static Platform Find(string name) => PlatformTable.All.FirstOrDefault(known => known.Name == name)
        ?? throw new ToolException(
            $"'{name}' is no platform that images are made for: {string.Join(", ", PlatformTable.All.Select(known => known.Name))}");

    /// <exception cref="ToolException">The platform does not take the format.</exception>
    public PlatformFormat Require(string format) => Formats.FirstOrDefault(known => known.Name == format)
        ?? throw new ToolException(
            $"{Title} takes no {format} images, but {string.Join(" or ", Formats.Select(known => known.Name))}");

    /// <summary>How long the disk has to be there.</summary>
    /// <exception cref="ToolException">The platform has no such disks.</exception>
    public long LengthFor(long length, PlatformFormat format)
    {
        var needed = Math.Max(length, SmallestDisk);
        needed = needed > long.MaxValue - Unit ? long.MaxValue : (needed + Unit - 1) / Unit * Unit;
        return needed <= format.LargestDisk
            ? needed
            : throw new ToolException(
                $"{Title} takes {format.Name} images of up to {Sizes.Human(format.LargestDisk)}, and the disk has {Sizes.Human(length)}");
    }

    /// <summary>Sets what the user leaves open.</summary>
    public static void Complete(PlatformFormat format, CreateOptionList options)
    {
        foreach (var option in format.Options)
            options.Set(option.Name, option.Values[0]);
    }

    /// <exception cref="ToolException">The user wants what the platform does not take.</exception>
    public void Check(PlatformFormat format, CreateOptionList options)
    {
        foreach (var option in format.Options)
        {
            var value = options[option.Name];
            if (!option.Values.Contains(value))
                throw new ToolException(
                    $"{Title} does not take {format.Name} images with {option.Name}={value}, but with {string.Join(" or ", option.Values)}");
        }
    }

    /// <summary>A line for the user: what is made, and what was added to the disk.</summary>
    public string Describe(PlatformFormat format, CreateOptionList? options, long before, long after)
    {
        var chosen = format.Options.Select(option => $", {option.Name}={options?[option.Name]}");
        var added = after > before ? $", {Sizes.Human(after - before)} of zeroes at the end among them" : "";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"For {Title}: {format.Name}{string.Concat(chosen)}{(IsArchived ? " in an archive" : "")}, {Sizes.Human(after)} ({after} bytes){added}");
    }
}
