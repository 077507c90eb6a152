// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Devices;
using BlockHost.Exports;
using BlockHost.Jobs;
using BlockHost.Qmp;
using BlockHost.Yank;

namespace BlockHost.Plugins;

/// <summary>
/// Where a plugin declares what it provides. A name that another plugin already provides is refused with a
/// <see cref="PluginException"/> that names both.
/// </summary>
public interface IPluginRegistry
{
    void Add(BlockDriver driver);

    void Add(JobType jobType);

    void Add(TransactionAction action);

    void Add(YankInstanceProvider provider);

    void Add(DeviceModel model);

    void Add(ExportType exportType);

    void Add(QmpCommand command);

    void Add(QmpEvent qmpEvent);

    void Add(QmpType type);
}
