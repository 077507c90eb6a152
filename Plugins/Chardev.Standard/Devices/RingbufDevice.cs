// SPDX-License-Identifier: MIT
using Device = BlockHost.Chardevs.Chardev;

namespace BlockHost.Plugins.Chardev.Standard.Devices;

/// <summary>
/// The last bytes that were written, until somebody reads them:
/// <code>
///        ┌── read ──┐
///   … x │ h e l l o │ free …      both counters only grow; a place is its counter modulo the size
///        taken       put          a writer that laps the reader takes the oldest from it
/// </code>
/// </summary>
internal sealed class RingbufDevice(string id, string backend, int size) : Device(id)
{
    private readonly Lock _lock = new();
    private readonly byte[] _ring = new byte[size];
    private long _put;
    private long _taken;
    private int _given;

    public override string FileName => backend;

    public override string QomType => "chardev-" + backend;

    public void Write(ReadOnlySpan<byte> bytes)
    {
        lock (_lock)
        {
            foreach (var value in bytes.Length > size ? bytes[^size..] : bytes)
                _ring[_put++ & (size - 1)] = value;
            _taken = Math.Max(_taken, _put - size);
        }
    }

    public byte[] Read(long most)
    {
        lock (_lock)
        {
            var bytes = new byte[Math.Min(most, _put - _taken)];
            for (var i = 0; i < bytes.Length; i++)
                bytes[i] = _ring[_taken++ & (size - 1)];
            return bytes;
        }
    }

    public override ValueTask<Stream?> AcceptAsync(CancellationToken cancellationToken) =>
        new(Interlocked.Exchange(ref _given, 1) == 0 ? new SinkStream(bytes => Write(bytes)) : null);
}
