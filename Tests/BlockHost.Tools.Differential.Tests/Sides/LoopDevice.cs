// SPDX-License-Identifier: MIT
namespace BlockHost.Tools.Differential.Tests.Sides;

/// <summary>A block device over a file, which takes the kernel's leave to make.</summary>
internal sealed class LoopDevice : IDisposable
{
    private LoopDevice(string path) => Path = path;

    public string Path { get; }

    /// <returns>Null where no loop device can be made.</returns>
    public static LoopDevice? TryAttach(string file)
    {
        if (!InstalledPrograms.Has("losetup"))
            return null;
        var result = ProgramRunner.Run("/", "losetup", ["--find", "--show", file]);
        return result.ExitCode == 0 ? new(result.Output.Trim()) : null;
    }

    public void Dispose() => ProgramRunner.Run("/", "losetup", ["--detach", Path]);
}
