// SPDX-License-Identifier: MIT
using BlockHost.Chardevs;
using BlockHost.Core.Processes;

namespace BlockHost.Core.Chardevs;

/// <summary>Standard input and output as one duplex stream; it can be had once.</summary>
public sealed class StdioChardev(string id) : Chardev(id)
{
    private int _taken;

    public override string FileName => "stdio";

    public override string QomType => "chardev-stdio";

    public override ValueTask<Stream?> AcceptAsync(CancellationToken cancellationToken) =>
        new(Interlocked.Exchange(
            ref _taken, 1) == 0 ? new DuplexStream(StandardStreams.OpenInput(), StandardStreams.OpenOutput()) : null);
}
