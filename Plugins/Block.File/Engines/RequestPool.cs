// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.File.Engines;

/// <summary>Requests of one node that are not in use, so that a steady queue depth allocates nothing.</summary>
internal sealed class RequestPool(FlushState flushes)
{
    private const int MaxKept = 256;

    private readonly Lock _lock = new();
    private FileRequest? _free;
    private int _kept;

    /// <summary>Told of what the requests have changed.</summary>
    internal FlushState Flushes => flushes;

    internal FileRequest Rent()
    {
        lock (_lock)
        {
            if (_free is { } request)
            {
                _free = request.Next;
                request.Next = null;
                _kept--;
                return request;
            }
        }

        return new FileRequest(this);
    }

    internal void Return(FileRequest request)
    {
        lock (_lock)
        {
            if (_kept == MaxKept)
                return;
            request.Next = _free;
            _free = request;
            _kept++;
        }
    }
}
