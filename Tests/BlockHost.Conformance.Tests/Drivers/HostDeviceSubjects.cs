// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins.Block.File;

namespace BlockHost.Conformance.Tests.Drivers;

/// <summary>The host_device driver on a loop device, which is wiped for every image.</summary>
internal static class HostDeviceSubjects
{
    public const int Length = 2 * 1024 * 1024;

    public static BlockDriverSubject On(LoopDevice loop) => new()
    {
        Name = "host_device",
        Driver = PluginContents.Of(new FilePlugin()).Driver("host_device"),
        PowerCut = false,
        Resizable = false,
        CreateImage = _ =>
        {
            loop.Wipe();
            return new(new SubjectImage
            {
                Options = JsonSerializer.SerializeToElement(new Dictionary<string, string> { ["filename"] = loop.Path }),
                Length = Length,
            });
        },
    };
}

internal sealed class LoopDevice : IDisposable
{
    private LoopDevice(string path) => Path = path;

    public string Path { get; }

    /// <returns>Null where this machine or user has no loop devices.</returns>
    public static LoopDevice? TryCreate(TemporaryFolder folder, long length)
    {
        var path = ProcessRunner.Output("losetup", "--find", "--show", folder.NewFile(length))?.Trim();
        return path is null ? null : new LoopDevice(path);
    }

    public void Wipe()
    {
        using var device = File.OpenWrite(Path);
        device.Write(new byte[HostDeviceSubjects.Length]);
    }

    public void Dispose() => ProcessRunner.Output("losetup", "--detach", Path);
}
