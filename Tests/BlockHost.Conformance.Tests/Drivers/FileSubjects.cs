// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins.Block.File;

namespace BlockHost.Conformance.Tests.Drivers;

/// <summary>The file driver on temporary files. Its storage is the system's: no power cut can be played on it.</summary>
internal static class FileSubjects
{
    private const int Length = 2 * 1024 * 1024 + 4096;

    public static BlockDriverSubject Make(TemporaryFolder folder, string aio, bool direct) => new()
    {
        Name = $"file, aio={aio}, direct={direct}",
        Driver = PluginContents.Of(new FilePlugin()).Driver("file"),
        PowerCut = false,
        CacheDirect = direct,
        CreateImage = _ =>
        {
            var path = folder.NewFile(Length);
            return new(new SubjectImage
            {
                Options = JsonSerializer.SerializeToElement(
                    new Dictionary<string, string> { ["filename"] = path, ["aio"] = aio }),
                Length = Length,
                Cleanup = () =>
                {
                    File.Delete(path);
                    return ValueTask.CompletedTask;
                },
            });
        },
    };
}
