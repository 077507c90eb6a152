// SPDX-License-Identifier: MIT
using BlockHost.Core.Descriptors;
using BlockHost.Plugins;
using BlockHost.Qmp;

namespace BlockHost.Core.Qmp.Sessions;

/// <summary>A call from a monitor session.</summary>
internal sealed class MonitorCall(MonitorSession session, IPluginHost host, bool outOfBand) : IQmpCall
{
    public MonitorSession Session => session;

    public IPluginHost Host => host;

    public string MonitorId => session.MonitorId;

    public bool OutOfBand => outOfBand;

    /// <summary>Descriptors that came with the request that is being run; null: none.</summary>
    public ReceivedDescriptors? Received { get; set; }
}
