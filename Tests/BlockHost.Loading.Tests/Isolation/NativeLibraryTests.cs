// SPDX-License-Identifier: MIT
using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
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

    /// <summary>As packages bring them: below runtimes/, named in .deps.json, and one needing another beside it.</summary>
    [SkippableTheory]
    [InlineData("")]
    [InlineData("runtimes/linux-x64/native")]
    public async Task A_library_finds_another_that_lies_beside_it(string folder)
    {
        Skip.IfNot(
            OperatingSystem.IsLinux() && RuntimeInformation.ProcessArchitecture == Architecture.X64,
            "the folder is that of Linux on x64");
        _bed.Install("NativeLibrary", "fixture.native", "events:ANSWER_42");
        var plugin = Path.Combine(_bed.PluginFolder, "fixture.native");
        var natives = Directory.CreateDirectory(Path.Combine(plugin, folder)).FullName;
        var sources = Fixtures.Sources("NativeLibrary");
        Compile(
            Path.Combine(sources, "fixture_quirk.c"),
            Path.Combine(natives, "libfixture_inner.so"),
            "-Dfixture_answer=fixture_inner");
        Compile(
            Path.Combine(sources, "fixture_outer.c"), Path.Combine(natives, "libfixture_quirk.so"),
            "-L", natives, "-l:libfixture_inner.so", "-Wl,-rpath,$ORIGIN");
        if (folder.Length > 0)
            ListInDeps(Path.ChangeExtension(_bed.AssemblyPath("fixture.native"), ".deps.json"), $"{folder}/libfixture_quirk.so");
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

    /// <summary>Adds a package with one native file, as the SDK does.</summary>
    private static void ListInDeps(string path, string file)
    {
        var deps = JsonNode.Parse(File.ReadAllText(path))!;
        var target = deps["targets"]!.AsObject().First().Value!.AsObject();
        target["quirk/1.0.0"] = new JsonObject
        {
            ["runtimeTargets"] = new JsonObject { [file] = new JsonObject { ["rid"] = "linux-x64", ["assetType"] = "native" } },
        };
        deps["libraries"]!["quirk/1.0.0"] = new JsonObject { ["type"] = "package", ["serviceable"] = false, ["sha512"] = "" };
        File.WriteAllText(path, deps.ToJsonString());
    }

    private static void Compile(string source, string library, params string[] more)
    {
        try
        {
            using var compiler = Process.Start(
                new ProcessStartInfo("cc", ["-shared", "-fPIC", "-o", library, source, .. more])
                { RedirectStandardError = true })!;
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
