// SPDX-License-Identifier: MIT
using System.Text;
using BlockHost.Plugins.Chardev.Standard.Devices;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Chardev.Standard;

/// <summary>ringbuf-write and ringbuf-read.</summary>
internal static class RingbufCommands
{
    public static void Register(IPluginRegistry registry)
    {
        var json = StandardJson.Default;
        registry.Add(QmpCommand.CreateAction("ringbuf-write", () => json.RingbufWriteArguments, (call, arguments, _) =>
        {
            Find(call, arguments.Device).Write(Decode(arguments.Data, arguments.Format));
            return ValueTask.CompletedTask;
        }));
        registry.Add(QmpCommand.Create(
            "ringbuf-read",
            () => json.RingbufReadArguments,
            () => json.String,
            (call, arguments, _) => new ValueTask<string>(Read(Find(call, arguments.Device), arguments))));
    }

    private static RingbufDevice Find(IQmpCall call, string id) => call.Host.Chardevs.Find(id) switch
    {
        null => throw new QmpException($"Device '{id}' not found"),
        RingbufDevice ringbuf => ringbuf,
        _ => throw new QmpException($"{id} is not a ringbuf device"),
    };

    private static byte[] Decode(string data, DataFormat? format)
    {
        if (format is not DataFormat.Base64)
            return Encoding.UTF8.GetBytes(data);
        try
        {
            return Convert.FromBase64String(data);
        }
        catch (FormatException)
        {
            throw new QmpException("Base64 data contains invalid characters");
        }
    }

    private static string Read(RingbufDevice device, RingbufReadArguments arguments)
    {
        if (arguments.Size <= 0)
            throw new QmpException("size must be greater than zero");
        var bytes = device.Read(arguments.Size);
        return arguments.Format is DataFormat.Base64 ? Convert.ToBase64String(bytes) : Encoding.UTF8.GetString(bytes);
    }
}
