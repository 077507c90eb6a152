// SPDX-License-Identifier: MIT
namespace BlockHost.Oracle.Tests.Support;

/// <summary>
/// Runs sessions on both sides, each in a folder of its own with the images base.qcow2 ◄ middle.qcow2 ◄ top.qcow2,
/// other.qcow2 and disk.raw; DIR in a line stands for the folder.
/// </summary>
internal static class JobSessions
{
    public static Task CompareAsync(params string[] session) => CompareAsync(_ => Task.CompletedTask, session);

    /// <param name="prepare">Changes the images in a folder before a side starts.</param>
    public static async Task CompareAsync(Func<string, Task> prepare, params string[] session)
    {
        Skip.IfNot(InstalledPrograms.Has("qemu-storage-daemon") && InstalledPrograms.Has("qemu-img"), "needs QEMU's programs");
        var folder = Directory.CreateTempSubdirectory("session").FullName;
        try
        {
            var lines = session.Select(line => line.Replace("DIR", folder)).ToArray();
            var real = await RunAsync(folder, prepare, lines, async () => await RealDaemon.StartAsync());
            var ours = await RunAsync(
                folder, prepare, lines, async () => new OurDaemon(await HostBed.StartAsync(new BlkdebugPlugin())));
            Assert.True(Transcript.Difference(real, ours) is null, Transcript.Difference(real, ours));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task<Transcript> RunAsync(
        string folder, Func<string, Task> prepare, string[] lines, Func<Task<IDaemonSide>> start)
    {
        await Images.MakeAsync(folder);
        await prepare(folder);
        await using var side = await start();
        return await Transcript.RunAsync(side, lines);
    }
}
