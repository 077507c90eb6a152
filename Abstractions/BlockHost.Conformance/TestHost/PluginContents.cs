// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Devices;
using BlockHost.Exports;
using BlockHost.Jobs;
using BlockHost.Plugins;
using BlockHost.Qmp;
using BlockHost.Yank;

namespace BlockHost.Conformance.TestHost;

/// <summary>What a plugin declares, without a host to load it.</summary>
public sealed class PluginContents : IPluginRegistry
{
    private readonly List<BlockDriver> _drivers = [];
    private readonly List<JobType> _jobTypes = [];
    private readonly List<TransactionAction> _actions = [];
    private readonly List<YankInstanceProvider> _yankProviders = [];
    private readonly List<DeviceModel> _deviceModels = [];
    private readonly List<ExportType> _exportTypes = [];
    private readonly List<QmpCommand> _commands = [];
    private readonly List<QmpEvent> _events = [];
    private readonly List<QmpType> _types = [];

    public IReadOnlyList<BlockDriver> Drivers => _drivers;

    public IReadOnlyList<JobType> JobTypes => _jobTypes;

    public IReadOnlyList<TransactionAction> Actions => _actions;

    public IReadOnlyList<YankInstanceProvider> YankProviders => _yankProviders;

    public IReadOnlyList<DeviceModel> DeviceModels => _deviceModels;

    public IReadOnlyList<ExportType> ExportTypes => _exportTypes;

    public IReadOnlyList<QmpCommand> Commands => _commands;

    public IReadOnlyList<QmpEvent> Events => _events;

    public IReadOnlyList<QmpType> Types => _types;

    public static PluginContents Of(Plugin plugin)
    {
        var contents = new PluginContents();
        plugin.Register(contents);
        return contents;
    }

    /// <exception cref="KeyNotFoundException">The plugin has no such driver.</exception>
    public BlockDriver Driver(string formatName) =>
        _drivers.Find(d => d.FormatName == formatName) ?? throw new KeyNotFoundException($"The plugin has no driver '{formatName}'");

    public void Add(BlockDriver driver) => _drivers.Add(driver);

    public void Add(JobType jobType) => _jobTypes.Add(jobType);

    public void Add(TransactionAction action) => _actions.Add(action);

    public void Add(YankInstanceProvider provider) => _yankProviders.Add(provider);

    public void Add(DeviceModel model) => _deviceModels.Add(model);

    public void Add(ExportType exportType) => _exportTypes.Add(exportType);

    public void Add(QmpCommand command) => _commands.Add(command);

    public void Add(QmpEvent qmpEvent) => _events.Add(qmpEvent);

    public void Add(QmpType type) => _types.Add(type);
}
