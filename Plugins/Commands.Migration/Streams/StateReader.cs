// SPDX-License-Identifier: MIT
using BlockHost.Devices;
using BlockHost.Plugins.Commands.Migration.Format;

namespace BlockHost.Plugins.Commands.Migration.Streams;

/// <summary>
/// Reads the stream up to the end of the state. Nothing of it takes effect before all of it has been read and found good; bitmaps
/// are there, and belong to nobody until <see cref="IncomingBitmaps.Keep"/>.
/// </summary>
internal sealed class StateReader(StreamInput input, IReadOnlyList<MachineDevice> devices, IncomingBitmaps bitmaps)
{
    private readonly Dictionary<uint, string> _sections = [];
    private readonly Dictionary<string, DeviceFrame> _states = new(StringComparer.Ordinal);

    /// <summary>Called when the other side asks for answers, and with each number that it wants back.</summary>
    public Func<CancellationToken, ValueTask>? ReturnPathWanted { get; init; }

    public Func<uint, CancellationToken, ValueTask>? Pinged { get; init; }

    /// <summary>What the machine did over there; null: not told.</summary>
    public string? RunState { get; private set; }

    /// <summary>Of each device here that has one in the stream.</summary>
    public IReadOnlyDictionary<string, DeviceFrame> States => _states;

    /// <exception cref="InvalidDataException">
    /// It is no stream, not for this host, or damaged; QEMU's texts where it has them.
    /// </exception>
    public async ValueTask ReadAsync(CancellationToken cancellationToken)
    {
        await ReadHeaderAsync(cancellationToken).ConfigureAwait(false);
        while (true)
        {
            var kind = await input.ByteAsync(cancellationToken).ConfigureAwait(false);
            switch (kind)
            {
                case StreamLayout.End:
                    await SkipDescriptionAsync(cancellationToken).ConfigureAwait(false);
                    CheckComplete();
                    return;
                case StreamLayout.Command:
                    await ReadCommandAsync(cancellationToken).ConfigureAwait(false);
                    break;
                case StreamLayout.SectionStart or StreamLayout.SectionFull:
                    await ReadSectionAsync(isFull: kind == StreamLayout.SectionFull, cancellationToken).ConfigureAwait(false);
                    break;
                case StreamLayout.SectionPart or StreamLayout.SectionEnd:
                    await ReadPartAsync(cancellationToken).ConfigureAwait(false);
                    break;
                default:
                    throw new InvalidDataException($"Unknown savevm section type {kind}");
            }
        }
    }

    private async ValueTask ReadHeaderAsync(CancellationToken cancellationToken)
    {
        const int longest = 256;
        if (await input.UInt32Async(cancellationToken).ConfigureAwait(false) != StreamLayout.Magic)
            throw new InvalidDataException("Not a migration stream");
        var version = await input.UInt32Async(cancellationToken).ConfigureAwait(false);
        if (version == StreamLayout.OldVersion)
            throw new InvalidDataException("SaveVM v2 format is obsolete and don't work anymore");
        if (version != StreamLayout.Version)
            throw new InvalidDataException("Unsupported migration stream version");
        if (await input.ByteAsync(cancellationToken).ConfigureAwait(false) != StreamLayout.Configuration)
            throw new InvalidDataException("Configuration section missing");
        var length = await input.UInt32Async(cancellationToken).ConfigureAwait(false);
        if (length > longest)
            throw new InvalidDataException($"The name of a machine of {length} bytes is too long");
        var machine = await input.TextAsync((int)length, cancellationToken).ConfigureAwait(false);
        if (machine != StreamLayout.MachineName)
            throw new InvalidDataException($"Machine type received is '{machine}' and local is '{StreamLayout.MachineName}'");
    }

    private async ValueTask ReadCommandAsync(CancellationToken cancellationToken)
    {
        var command = await input.UInt16Async(cancellationToken).ConfigureAwait(false);
        var length = await input.UInt16Async(cancellationToken).ConfigureAwait(false);
        switch (command, length)
        {
            case (StreamLayout.OpenReturnPath, 0):
                if (ReturnPathWanted is { } open)
                    await open(cancellationToken).ConfigureAwait(false);
                break;
            case (StreamLayout.PostcopyAdvise, 0):
                // Bitmaps could follow later; nobody asks for that.
                break;
            case (StreamLayout.Ping, 4):
                var number = await input.UInt32Async(cancellationToken).ConfigureAwait(false);
                if (Pinged is { } pong)
                    await pong(number, cancellationToken).ConfigureAwait(false);
                break;
            default:
                throw new InvalidDataException($"MIG_CMD 0x{command:x} unknown (len 0x{length:x})");
        }
    }

    private async ValueTask ReadSectionAsync(bool isFull, CancellationToken cancellationToken)
    {
        const int mostSections = 4096;
        var section = await input.UInt32Async(cancellationToken).ConfigureAwait(false);
        var name = await input.NameAsync(cancellationToken).ConfigureAwait(false);
        var instance = await input.UInt32Async(cancellationToken).ConfigureAwait(false);
        var version = await input.UInt32Async(cancellationToken).ConfigureAwait(false);
        if (_sections.Count == mostSections || !_sections.TryAdd(section, name))
            throw new InvalidDataException($"Section {section} comes twice");
        if (instance != 0 || !await ReadContentAsync(name, version, isFull, cancellationToken).ConfigureAwait(false))
            throw new InvalidDataException(
                $"Unknown savevm section or instance '{name}' {instance}. Make sure that your current VM setup matches your saved VM setup, including any hotplugged devices");
        await ReadFooterAsync(section, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask ReadPartAsync(CancellationToken cancellationToken)
    {
        var section = await input.UInt32Async(cancellationToken).ConfigureAwait(false);
        if (!_sections.TryGetValue(section, out var name)
            || !await ReadContentAsync(name, version: null, isFull: false, cancellationToken).ConfigureAwait(false))
            throw new InvalidDataException($"Unknown savevm section {section}");
        await ReadFooterAsync(section, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// What follows the head of a section or part. Of a QEMU without a machine those that it always has are passed over.
    /// </summary>
    /// <param name="version">Null: of a later part.</param>
    /// <returns>False: the section is not known, or not in this form.</returns>
    private async ValueTask<bool> ReadContentAsync(
        string name, uint? version, bool isFull, CancellationToken cancellationToken)
    {
        switch (name)
        {
            case StreamLayout.Bitmaps when !isFull:
                CheckVersion(name, version, 1);
                await bitmaps.ReadPartAsync(input, cancellationToken).ConfigureAwait(false);
                return true;
            case StreamLayout.Ram when !isFull:
                CheckVersion(name, version, 4);
                await ReadNoMemoryAsync(cancellationToken).ConfigureAwait(false);
                return true;
            case StreamLayout.Timer when isFull:
                CheckVersion(name, version, 2);
                await input.SkipAsync(StreamLayout.TimerLength, cancellationToken).ConfigureAwait(false);
                return true;
            case StreamLayout.GlobalState when isFull:
                CheckVersion(name, version, StreamLayout.GlobalStateVersion);
                await ReadGlobalStateAsync(cancellationToken).ConfigureAwait(false);
                return true;
            default:
                if (!isFull || !name.StartsWith(StreamLayout.DevicePrefix, StringComparison.Ordinal))
                    return false;
                CheckVersion(name, version, StreamLayout.DeviceFrameVersion);
                await ReadDeviceAsync(name[StreamLayout.DevicePrefix.Length..], cancellationToken).ConfigureAwait(false);
                return true;
        }
    }

    private static void CheckVersion(string name, uint? version, uint known)
    {
        if (version > known)
            throw new InvalidDataException($"savevm: unsupported version {version} for '{name}' v{known}");
    }

    private async ValueTask ReadNoMemoryAsync(CancellationToken cancellationToken)
    {
        var word = await input.UInt64Async(cancellationToken).ConfigureAwait(false);
        if (word == StreamLayout.RamSize)
            word = await input.UInt64Async(cancellationToken).ConfigureAwait(false);
        if (word != StreamLayout.RamEnd)
            throw new InvalidDataException("The machine over there has memory, which there is none of here");
    }

    private async ValueTask ReadGlobalStateAsync(CancellationToken cancellationToken)
    {
        var length = await input.UInt32Async(cancellationToken).ConfigureAwait(false);
        var state = await input.TakeAsync(StreamLayout.GlobalStateLength, cancellationToken).ConfigureAwait(false);
        if (length == 0 || length > StreamLayout.GlobalStateLength || state.Span[(int)length - 1] != 0)
            throw new InvalidDataException("The machine's state over there is no text");
        RunState = System.Text.Encoding.ASCII.GetString(state.Span[..((int)length - 1)]);
    }

    private async ValueTask ReadDeviceAsync(string id, CancellationToken cancellationToken)
    {
        var header = (await input.TakeAsync(DeviceFrame.HeaderLength, cancellationToken).ConfigureAwait(false)).ToArray();
        var rest = DeviceFrame.LengthOf(header) + sizeof(uint);
        byte[] frame = [.. header, .. await input.TakeLongAsync(rest, cancellationToken).ConfigureAwait(false)];
        var state = DeviceFrame.Decode(frame);
        if (devices.All(device => device.Id != id) && !state.IsOptional)
            throw new InvalidDataException($"There is no device '{id}' here whose state came");
        if (!_states.TryAdd(id, state))
            throw new InvalidDataException($"The state of device '{id}' comes twice");
    }

    private async ValueTask ReadFooterAsync(uint section, CancellationToken cancellationToken)
    {
        if (await input.ByteAsync(cancellationToken).ConfigureAwait(false) != StreamLayout.Footer)
            throw new InvalidDataException("Missing section footer");
        var end = await input.UInt32Async(cancellationToken).ConfigureAwait(false);
        if (end != section)
            throw new InvalidDataException($"Mismatched section id in footer: {end} for {section}");
    }

    /// <summary>It is for people, and need not be there.</summary>
    private async ValueTask SkipDescriptionAsync(CancellationToken cancellationToken)
    {
        const int longest = 16 << 20;
        try
        {
            if (await input.ByteAsync(cancellationToken).ConfigureAwait(false) != StreamLayout.Description)
                return;
            var length = await input.UInt32Async(cancellationToken).ConfigureAwait(false);
            await input.SkipAsync(Math.Min(length, longest), cancellationToken).ConfigureAwait(false);
        }
        catch (EndOfStreamException)
        {
            // The state is whole.
        }
    }

    private void CheckComplete()
    {
        if (devices.FirstOrDefault(
            device => !device.Device.StateIsOptional && !_states.ContainsKey(device.Id)) is { } left)
            throw new InvalidDataException($"The state of device '{left.Id}' has not come");
    }
}
