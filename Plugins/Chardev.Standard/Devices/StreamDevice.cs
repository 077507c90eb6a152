// SPDX-License-Identifier: MIT
using Device = BlockHost.Chardevs.Chardev;

namespace BlockHost.Plugins.Chardev.Standard.Devices;

/// <summary>A device with one stream, which is opened with it and closed with it.</summary>
internal sealed class StreamDevice(
    string id, string backend, string fileName, Func<Stream> open, Action? sendBreak = null, string? pty = null) : Device(id)
{
    private readonly Stream _stream = open();
    private int _given;

    public override string FileName => fileName;

    public override string QomType => "chardev-" + backend;

    public override string? Pty => pty;

    public override ValueTask<Stream?> AcceptAsync(CancellationToken cancellationToken) =>
        new(Interlocked.Exchange(ref _given, 1) == 0 ? _stream : null);

    public override void SendBreak() => sendBreak?.Invoke();

    public override ValueTask DisposeAsync() => _stream.DisposeAsync();
}
