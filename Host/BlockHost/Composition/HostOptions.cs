// SPDX-License-Identifier: MIT
using BlockHost.CommandLine;
using BlockHost.Core.Block.Checked;
using BlockHost.Core.Plugins;
using BlockHost.Images;
using BlockHost.Logging;
using BlockHost.Plugins;

namespace BlockHost.Composition;

/// <summary>What a host is started with, besides the folders that came with the program.</summary>
internal sealed record HostOptions
{
    private const string Prefix = "BLOCKHOST_";

    /// <summary>A tool that runs and ends: the environment decides what the command line of a drop-in cannot say.</summary>
    public static HostOptions ForTool => new()
    {
        PluginFolders = FromEnvironment("PLUGIN_PATH"),
        ManifestFolders = FromEnvironment("MANIFESTS"),
        Composition = FromEnvironment("COMPOSITION").FirstOrDefault(),
        ClientMemory = FromEnvironment("CLIENT_MEMORY").FirstOrDefault(),
        Log = LogFromEnvironment(),
    };

    /// <summary>The program looks for faults in how memory is used: see <see cref="CheckedBufferPool"/>.</summary>
    public static bool UsesCheckedBuffers => !string.IsNullOrEmpty(Environment.GetEnvironmentVariable(CheckedBufferPool.Switch));

    /// <summary>Each holds a folder for each plugin.</summary>
    public IReadOnlyList<string> PluginFolders { get; init; } = [];

    public IReadOnlyList<string> ManifestFolders { get; init; } = [];

    /// <summary>Which plugins may be used: a file, or a name beside the manifests; null: all.</summary>
    public string? Composition { get; init; }

    /// <summary>
    /// The tool opens all it needs before it changes anything: until then it can start over as another program.
    /// </summary>
    public bool CanStartOver { get; init; }

    /// <summary>Somebody can ask to unload plugins while the host runs (it has a monitor); it then starts more slowly.</summary>
    public bool CanUnload { get; init; }

    /// <summary>What is logged; for tools too, by the environment.</summary>
    public LogOptions Log { get; init; } = new();

    /// <summary>File to which every QMP command is logged; null: none.</summary>
    public string? AuditLog { get; init; }

    /// <summary>What clients together may make the daemon hold, as a size; null: the default.</summary>
    public string? ClientMemory { get; init; }

    /// <exception cref="ToolException">The size is none.</exception>
    public MemoryBudget CreateMemoryBudget() =>
        ClientMemory is null ? new() : new(CreateOptionList.ParseSize("client-memory", ClientMemory));

    private static LogOptions LogFromEnvironment()
    {
        var log = new LogOptions { File = Variable("LOG_FILE") };
        log = Variable("LOG_LEVEL") is { } level ? log.WithLevel(level) : log;
        return Variable("LOG_FORMAT") is { } format ? log.WithFormat(format) : log;
    }

    private static string? Variable(string name) =>
        Environment.GetEnvironmentVariable(Prefix + name) is { Length: > 0 } value ? value : null;

    private static string[] FromEnvironment(string name) =>
        Environment.GetEnvironmentVariable(Prefix + name)?.Split(':', StringSplitOptions.RemoveEmptyEntries) ?? [];
}

/// <summary>Starts hosts: with plugins from files, or with those linked into the program.</summary>
internal interface IHostFactory
{
    ValueTask<RunningHost> StartAsync(HostOptions options, CancellationToken cancellationToken);

    /// <summary>Starts the tool over in the program that has the plugin. Returns only by exception.</summary>
    /// <exception cref="ToolException">There is no such program.</exception>
    void StartOver(NotLinkedInException reason) => throw new ToolException(reason.Message);
}
