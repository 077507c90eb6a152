// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using BlockHost.Devices;
using BlockHost.Plugins.Commands.Migration.Channels;
using BlockHost.Plugins.Commands.Migration.Format;

namespace BlockHost.Plugins.Commands.Migration.Streams;

/// <summary>Writes the stream, and hears how it was taken.</summary>
internal sealed class StateWriter(MigrationChannel channel, OutgoingBitmaps? bitmaps)
{
    private const uint BitmapSection = 1;
    private const uint GlobalSection = 2;
    private const uint FirstDevice = 16;

    private readonly StreamOutput _output = new(channel.Stream);
    private readonly List<string> _sections = [];

    public long Written => _output.Written;

    private bool HasBitmaps => bitmaps is { IsEmpty: false };

    /// <summary>The machine still runs.</summary>
    public ValueTask BeginAsync(CancellationToken cancellationToken)
    {
        _output.Begin();
        if (channel.IsTwoWay)
            _output.Command(StreamLayout.OpenReturnPath);
        if (HasBitmaps)
        {
            _output.Section(StreamLayout.SectionStart, BitmapSection, StreamLayout.Bitmaps, version: 1);
            bitmaps!.WriteStarts(_output);
            _output.Footer(BitmapSection);
        }

        return _output.FlushAsync(cancellationToken);
    }

    /// <summary>The machine has stopped, and its images are let go of. All but the end may go out.</summary>
    public async ValueTask WriteStateAsync(
        string runState, IReadOnlyList<MachineDevice> devices, CancellationToken cancellationToken)
    {
        if (HasBitmaps)
        {
            _output.Part(StreamLayout.SectionEnd, BitmapSection);
            await bitmaps!.WriteAllAsync(_output, cancellationToken).ConfigureAwait(false);
            _output.Footer(BitmapSection);
        }

        WriteGlobalState(runState);
        for (var i = 0; i < devices.Count; i++)
        {
            WriteDevice(FirstDevice + (uint)i, devices[i]);
            await _output.FlushIfFullAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>From here on the other side can go on.</summary>
    /// <exception cref="IOException">It says that it does not, or nothing.</exception>
    public async ValueTask EndAsync(CancellationToken cancellationToken)
    {
        _output.End(Description());
        await _output.FlushAsync(cancellationToken).ConfigureAwait(false);
        await channel.FinishAsync(cancellationToken).ConfigureAwait(false);
        if (channel.IsTwoWay)
            await HearAsync(cancellationToken).ConfigureAwait(false);
    }

    private void WriteGlobalState(string runState)
    {
        _output.Section(
            StreamLayout.SectionFull, GlobalSection, StreamLayout.GlobalState, StreamLayout.GlobalStateVersion);
        var state = new byte[StreamLayout.GlobalStateLength];
        var length = Encoding.ASCII.GetBytes(runState, state);
        _output.UInt32((uint)length + 1);
        _output.Bytes(state);
        _output.Footer(GlobalSection);
    }

    private void WriteDevice(uint section, MachineDevice device)
    {
        var name = StreamLayout.DevicePrefix + device.Id;
        if (Encoding.UTF8.GetByteCount(name) > byte.MaxValue)
            throw new InvalidDataException($"The id of device '{device.Id}' is too long for the stream");
        var state = device.Device.SaveState();
        if (state.Length > DeviceFrame.MaxLength)
            throw new InvalidDataException($"The state of device '{device.Id}' is too long");
        _output.Section(StreamLayout.SectionFull, section, name, StreamLayout.DeviceFrameVersion);
        _output.Bytes(new DeviceFrame(device.Device.StateIsOptional, device.Device.StateVersion, state).Encode());
        _output.Footer(section);
        _sections.Add(name);
    }

    /// <summary>For people who look at a stream.</summary>
    private string Description()
    {
        using var text = new MemoryStream();
        using (var json = new Utf8JsonWriter(text))
        {
            json.WriteStartObject();
            json.WriteNumber("page_size", 4096);
            json.WriteStartArray("devices");
            foreach (var section in _sections)
            {
                json.WriteStartObject();
                json.WriteString("name", section);
                json.WriteNumber("instance_id", 0);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(text.ToArray());
    }

    /// <summary>
    /// What comes back:
    /// <code>
    ///   kind 2   length 2   data          1: shut, with 4 bytes, 0: it goes on there    2: pong
    /// </code>
    /// </summary>
    private async ValueTask HearAsync(CancellationToken cancellationToken)
    {
        var input = new StreamInput(channel.Stream);
        while (true)
        {
            var kind = await input.UInt16Async(cancellationToken).ConfigureAwait(false);
            var length = await input.UInt16Async(cancellationToken).ConfigureAwait(false);
            var data = await input.TakeAsync(length, cancellationToken).ConfigureAwait(false);
            if (kind == StreamLayout.ReplyPong)
                continue;
            if (kind != StreamLayout.ReplyShut || length != sizeof(uint))
                throw new InvalidDataException($"Received invalid message 0x{kind:x} length 0x{length:x}");
            if (BinaryPrimitives.ReadUInt32BigEndian(data.Span) != 0)
                throw new IOException("The destination could not go on with the machine");
            return;
        }
    }
}
