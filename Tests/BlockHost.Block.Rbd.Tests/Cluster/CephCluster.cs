// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace BlockHost.Block.Rbd.Tests.Cluster;

/// <summary>One cluster for all tests: a monitor and a storage daemon on this machine, with a pool "rbd".</summary>
public sealed class CephCluster : IAsyncLifetime
{
    private const string Python = "/usr/bin/python3";
    private static readonly string[] Programs = ["ceph-mon", "ceph-osd", "ceph-authtool", "monmaptool", "rbd", Python];
    private static int _images;

    private readonly string _folder = Directory.CreateTempSubdirectory("rbd").FullName;
    private Process? _process;
    private int _storage;

    public static bool HasQemusDriver { get; } = InstalledPrograms.Has("qemu-img") && Directory.EnumerateFiles(
        "/usr/lib", "block-rbd.so", new EnumerationOptions
        { RecurseSubdirectories = true, MaxRecursionDepth = 2, IgnoreInaccessible = true }).Any();

    public string Configuration { get; private set; } = "";

    public string Folder => _folder;

    public static string Script => SourceTree.PathOf("Tests", "BlockHost.Block.Rbd.Tests", "Cluster", "one-node.py");

    public async Task InitializeAsync()
    {
        if (Missing() is not null)
            return;
        _process = Process.Start(new ProcessStartInfo(Python, [Script, _folder])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
        var ready = await _process.StandardOutput.ReadLineAsync().WaitAsync(TimeSpan.FromSeconds(120));
        var words = ready?.Split(' ') ?? throw new InvalidOperationException("the cluster does not start");
        (Configuration, _storage) = (words[1], int.Parse(words[3], null));
    }

    public async Task DisposeAsync()
    {
        if (_process is { } process)
        {
            Thaw();
            process.StandardInput.Close();
            await process.WaitForExitAsync();
            process.Dispose();
        }

        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>Skips a test where there is no cluster.</summary>
    public void Require()
    {
        if (Missing() is { } missing)
            throw new SkipException($"{missing} is not installed: there is no Ceph cluster");
    }

    /// <summary>A name that no other test has.</summary>
    public string NewName() => $"disk{Interlocked.Increment(ref _images)}";

    /// <summary>Makes an image with Ceph's own program.</summary>
    public string NewImage(string size, params string[] more)
    {
        Require();
        var name = NewName();
        Rbd(["create", name, "--size", size, .. more]);
        return name;
    }

    /// <summary>The driver's options for an image.</summary>
    public JsonElement Options(string image, string more = "{}")
    {
        var options = JsonNode.Parse(more)!.AsObject();
        options["pool"] ??= "rbd";
        options["image"] = image;
        options["conf"] ??= Configuration;
        return JsonSerializer.SerializeToElement(options);
    }

    public string FileName(string image) => $"rbd:rbd/{image}:conf={Configuration}";

    /// <summary>Ceph's own program for images.</summary>
    public string Rbd(params string[] arguments) => Run("rbd", ["-c", Configuration, .. arguments]);

    /// <summary>What a file of the image's content has.</summary>
    public byte[] Export(string image)
    {
        var path = Path.Combine(_folder, "exported");
        Rbd("export", "--no-progress", image, path);
        var content = File.ReadAllBytes(path);
        File.Delete(path);
        return content;
    }

    public void Import(string image, byte[] content)
    {
        var path = Path.Combine(_folder, "imported");
        File.WriteAllBytes(path, content);
        Rbd("import", "--no-progress", path, image);
        File.Delete(path);
    }

    /// <summary>A program that ends well; what it wrote on its standard output.</summary>
    public string Run(string program, params string[] arguments)
    {
        var (code, said, error) = TryRun(program, arguments);
        return code == 0 ? said : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)}: {error}{said}");
    }

    public (int Code, string Said, string Error) TryRun(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var said = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, said, errors.Result);
    }

    /// <summary>A user with the rights of a profile ("rbd-read-only") of the pool, and the user's key as text.</summary>
    public string NewUser(string name, string profile) => Run(
        "ceph", "-c", Configuration, "auth", "get-or-create-key", $"client.{name}", "mon", "profile rbd",
        "osd", $"profile {profile} pool=rbd").Trim();

    /// <summary>The storage daemon answers nothing any more, and keeps its connections.</summary>
    public void Freeze() => Processes.Stop(_storage);

    public void Thaw() => Run("kill", "-CONT", $"{_storage}");

    private static string? Missing() =>
        Programs.FirstOrDefault(program => !InstalledPrograms.Has(program) && !File.Exists(program))
        ?? (Directory.Exists("/usr/lib/python3/dist-packages/rados") || HasRados() ? null : "python3-rados");

    private static bool HasRados() =>
        Directory.Exists("/usr/lib/python3/dist-packages")
        && Directory.EnumerateFiles("/usr/lib/python3/dist-packages", "rados*.so").Any();
}

/// <summary>Tests that use the cluster, one after the other: some of them freeze it.</summary>
[CollectionDefinition(Name)]
public sealed class CephCollection : ICollectionFixture<CephCluster>
{
    public const string Name = "Ceph";
}
