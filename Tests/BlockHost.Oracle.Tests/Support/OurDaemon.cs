// SPDX-License-Identifier: MIT
using System.Text.Json.Nodes;
using BlockHost.Block;

namespace BlockHost.Oracle.Tests.Support;

/// <summary>The host of this process.</summary>
internal sealed class OurDaemon(HostBed bed) : IDaemonSide
{
    public IReadOnlyList<JsonNode> JobEvents =>
        [.. bed.Events.Where(
            told =>
                told.Name.Contains("JOB_")).Select(told =>
                    new JsonObject { ["event"] = told.Name, ["data"] = JsonNode.Parse(told.Data.GetRawText()) })];

    public Task<JsonNode> ExecuteAsync(string request) => bed.ExecuteAsync(request);

    public async ValueTask DisposeAsync()
    {
        try
        {
            await bed.DisposeAsync();
        }
        catch (BlockException)
        {
            // In some sessions disks fail, also when they are closed.
        }
    }
}
