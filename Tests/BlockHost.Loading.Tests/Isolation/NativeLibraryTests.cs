// SPDX-License-Identifier: MIT
using System.ComponentModel;
using System.Diagnostics;
using BlockHost.Loading.Tests.Support;
using BlockHost.Plugins;

namespace BlockHost.Loading.Tests.Isolation;

public sealed class NativeLibraryTests : IDisposable
{
    private readonly PluginBed _bed = new();

    public void Dispose() => _bed.Dispose();

    [SkippableTheory]
    [InlineData("libfixture_quirk.so")]
    [InlineData("fixture_quirk.so")]
    [InlineData("libfixture_quirk.so.1")]
    public async Task A_library_beside_the_plugin_is_found_by_its_platforms_names(string fileName)
    {
        Skip.IfNot(OperatingSystem.IsLinux(), "the names are those of Linux");
        _bed.Install("NativeLibrary", "fixture.native", "events:ANSWER_42");
        var library = Path.Combine(_bed.PluginFolder, "fixture.native", fileName);
        Compile(Path.Combine(Fixtures.Sources("NativeLibrary"), "fixture_quirk.c"), library);
        var manager = _bed.CreateManager();

        Assert.NotNull(await manager.Of(ProvidedKind.Event).FindAsync("ANSWER_42", CancellationToken.None));

        Assert.DoesNotContain(_bed.Root, File.ReadAllText("/proc/self/maps"));
    }

    [Fact]
    public async Task A_missing_library_faults_the_plugin_by_name()
    {
        _bed.Install("NativeLibrary", "fixture.native", "events:ANSWER_42");
        var manager = _bed.CreateManager();

        await Assert.ThrowsAsync<BlockHost.Plugins.PluginException>(
            async () => await manager.Of(ProvidedKind.Event).FindAsync("ANSWER_42", CancellationToken.None));

        Assert.Contains("fixture_quirk", manager.Find("fixture.native")!.Reason);
    }

    private static void Compile(string source, string library)
    {
        try
        {
            using var compiler = Process.Start(new ProcessStartInfo("cc", ["-shared", "-fPIC", "-o", library, source]) { RedirectStandardError = true })!;
            var errors = compiler.StandardError.ReadToEnd();
            compiler.WaitForExit();
            Assert.True(compiler.ExitCode == 0, errors);
        }
        catch (Win32Exception)
        {
            Skip.If(true, "no C compiler (cc) is installed");
        }
    }
}
