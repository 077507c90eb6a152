// SPDX-License-Identifier: MIT

namespace BlockHost.Images;

/// <summary>An image opened under a qcow2 overlay that has no name any more: what is written is gone afterwards.</summary>
internal static class TemporaryOverlay
{
    public static async ValueTask<OpenImage> OpenAsync(
        ImageOpener images, ImageSource source, OpenMode mode, CancellationToken cancellationToken)
    {
        var (size, format, name) = await InspectAsync(images, source, cancellationToken);
        var path = Path.Combine(Path.GetTempPath(), $"blockhost-{Guid.NewGuid():N}.qcow2");
        ReservePrivately(path);
        try
        {
            var creation = await ImageCreation.PlanAsync(images, path, "qcow2", cancellationToken);
            creation.Options.Set("size", size.ToString(System.Globalization.CultureInfo.InvariantCulture));
            creation.Options.Set("backing_file", name);
            creation.Options.Set("backing_fmt", format);
            await creation.RunAsync(cancellationToken);
            return await images.OpenAsync(new(path, "qcow2"), mode with { Writable = true }, cancellationToken);
        }
        finally
        {
            File.Delete(path);
        }
    }

    /// <summary>A folder for temporary files is everybody's: what is written must not be.</summary>
    private static void ReservePrivately(string path)
    {
        using var file = new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
    }

    private static async ValueTask<(long Size, string Format, string Name)> InspectAsync(
        ImageOpener images, ImageSource source, CancellationToken cancellationToken)
    {
        await using var image = await images.OpenAsync(source, OpenMode.Read, cancellationToken);
        var name = image.Node.FileName;
        return (image.Length, image.Node.Driver.FormatName, FileNames.Protocol(name) is null ? Path.GetFullPath(name) : name);
    }
}
