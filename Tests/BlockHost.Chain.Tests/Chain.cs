// SPDX-License-Identifier: MIT
using BlockHost.CommandLine;
using BlockHost.Composition;
using BlockHost.Conformance.TestHost;
using BlockHost.Core.Plugins;
using BlockHost.Images;

namespace BlockHost.Chain.Tests;

/// <summary>Images on <see cref="CutDisks"/>, and the tools working on them.</summary>
internal sealed class Chain(CutDisks disks) : IHostFactory
{
    public CutDisks Disks { get; } = disks;

    /// <summary>Builds images as files, by command lines of the tools, and takes them into memory.</summary>
    /// <param name="commands">"img create -f qcow2 top 1M"; @ begins the name of a file, ~ is a blank in a word.</param>
    public static async Task<Dictionary<string, MemoryImage>> BuildAsync(params string[] commands)
    {
        var folder = Directory.CreateTempSubdirectory("bh").FullName;
        try
        {
            var builder = new Chain(new CutDisks(new Dictionary<string, MemoryImage>()));
            foreach (var command in commands)
                await builder.RunAsync(
                    0,
                    [.. command.Split(' ').Select(
                        word => word.StartsWith('@') ? Path.Combine(folder, word[1..]) : word.Replace('~', ' '))]);
            return Directory.EnumerateFiles(folder).ToDictionary(
                path => Path.GetFileName(path), path => new MemoryImage(File.ReadAllBytes(path)));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    public async ValueTask<RunningHost> StartAsync(HostOptions options, CancellationToken cancellationToken)
    {
        var loader = new LinkedPluginLoader(LinkedPlugins.All(), AppContext.BaseDirectory);
        var host = HostComposition.Build(loader, PluginSelection.Everything, startInline: true, options.Log, decorate: null);
        host.Plugins.Discover();
        await host.Plugins.AddLinkedAsync("test.cut", new CutPlugin(Disks), cancellationToken);
        return host;
    }

    /// <summary>Runs a tool: the first word is "img" or "io".</summary>
    public async Task<string> RunAsync(int expectedCode, params string[] words)
    {
        var output = new StringWriter();
        using var console = new ToolConsole(words[0], output, output, new MemoryStream());
        var code = await ToolRunner.RunAsync(words[0] == "io" ? Role.Io : Role.Img, console, this, words[1..]);
        Assert.True(code == expectedCode, $"{string.Join(' ', words)}: exit {code}\n{output}");
        return output.ToString();
    }

    public Task<string> RunAsync(string command) => RunAsync(0, command.Split(' '));

    /// <summary>What an image reads as, its backing files included.</summary>
    public async Task<byte[]> ReadAsync(string name)
    {
        await using var host = await StartAsync(HostOptions.ForTool, CancellationToken.None);
        await using var image = await host.Images.OpenAsync(
            new($"{CutPlugin.Protocol}:{name}", "qcow2"), OpenMode.Read, CancellationToken.None);
        var content = new byte[image.Length];
        Assert.True((await image.Queue.ReadAsync(0, content)).IsOk);
        return content;
    }

    /// <summary>No corruption; leaks are allowed.</summary>
    /// <param name="mend">Leaks may be mended first, and what follows from them.</param>
    public async Task CheckAsync(string name, bool mend = false)
    {
        var output = new StringWriter();
        using var console = new ToolConsole("img", output, output, new MemoryStream());
        string[] repair = mend ? ["-r", "leaks"] : [];
        var code = await ToolRunner.RunAsync(
            Role.Img, console, this, ["check", .. repair, "-f", "qcow2", $"{CutPlugin.Protocol}:{name}"]);
        Assert.True(code is 0 or 3, $"check of {name}: exit {code}\n{output}");
    }
}
