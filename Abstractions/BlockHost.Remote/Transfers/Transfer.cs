// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Remote.Transfers;

/// <summary>A range on its way into memory. After a failure the next try goes on where this one ended.</summary>
public sealed class Transfer(long offset, IoSlice target)
{
    private IoSlice _rest = target;

    /// <summary>Where the next byte comes from.</summary>
    public long Offset { get; private set; } = offset;

    /// <summary>Bytes that are still to come.</summary>
    public long Left => _rest.Length;

    internal Watch? Watch { get; set; }

    /// <summary>Where the next bytes go: never empty while there are any.</summary>
    public Memory<byte> Next
    {
        get
        {
            foreach (var segment in _rest)
                return segment;
            return default;
        }
    }

    /// <summary>So many bytes are in <see cref="Next"/>.</summary>
    public void Advance(int bytes)
    {
        _rest = _rest.Slice(bytes);
        Offset += bytes;
        Watch?.Progress();
    }

    /// <summary>The server has shown a sign of life that is no data.</summary>
    public void Progress() => Watch?.Progress();

    /// <summary>All that is left, from a stream that stands at <see cref="Offset"/>.</summary>
    /// <exception cref="RemoteFault">The stream ends before.</exception>
    public async ValueTask FillAsync(Stream stream, CancellationToken cancellationToken)
    {
        while (Left > 0)
        {
            var read = await stream.ReadAsync(Next, cancellationToken).ConfigureAwait(false);
            if (read == 0)
                throw new RemoteFault($"transfer closed with {Left} bytes remaining to read", mayPass: true);
            Advance(read);
        }
    }
}
