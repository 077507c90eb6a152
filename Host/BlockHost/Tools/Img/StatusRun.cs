// SPDX-License-Identifier: MIT
using BlockHost.Block.Graph;
using BlockHost.CommandLine;
using BlockHost.Images;

namespace BlockHost.Tools.Img;

/// <summary>The state of an image along a walk: each run is asked for once, however many pieces the walk takes it in.</summary>
internal sealed class StatusRun(OpenImage image)
{
    private ChainStatus _run;
    private long _start;
    private long _end;

    /// <param name="limit">End of the walk.</param>
    /// <returns>Of the run from the offset on.</returns>
    public async ValueTask<ChainStatus> AtAsync(long offset, long limit, CancellationToken cancellationToken)
    {
        if (offset < _start || offset >= _end)
        {
            _run = await image.Queue.GetStatusAsync(offset, limit - offset, cancellationToken: cancellationToken);
            if (!_run.Status.IsOk)
                throw new ToolException($"Sector allocation test failed for {image.Name}", 3);
            (_start, _end) = (offset, offset + _run.Bytes);
        }

        return _run with { Bytes = _end - offset };
    }
}
