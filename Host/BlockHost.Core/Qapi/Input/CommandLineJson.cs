// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Core.Json;
using BlockHost.Qmp;

namespace BlockHost.Core.Qapi;

/// <summary>JSON that outlives the buffer it came in.</summary>
internal static class CommandLineJson
{
    /// <exception cref="QmpException">Not exactly one JSON value.</exception>
    public static JsonElement Parse(string argument)
    {
        try
        {
            using var message = JsonMessageReader.Parse(argument);
            return message.Root.Clone();
        }
        catch (FormatException e)
        {
            throw new QmpException(QmpErrorClass.GenericError, e.Message, e);
        }
    }
}
