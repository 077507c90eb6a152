// SPDX-License-Identifier: MIT
using System.Buffers;
using System.Text.Json;
using BlockHost.Qmp;

namespace BlockHost.Core.Qmp.Output;

/// <summary>Builds one message after another, in reused memory.</summary>
internal sealed class MessageWriter : IDisposable
{
    private readonly PooledBufferWriter _json = new();
    private readonly PooledBufferWriter _message = new();
    private readonly bool _pretty;

    public MessageWriter(bool pretty)
    {
        _pretty = pretty;
        Json = new Utf8JsonWriter(_json, Options(pretty));
    }

    public Utf8JsonWriter Json { get; }

    /// <summary>Forgets what has been written, to begin another message.</summary>
    public void Restart()
    {
        _json.Clear();
        _message.Clear();
        Json.Reset();
    }

    /// <summary>The message as it goes out; valid until the next <see cref="Restart"/>.</summary>
    public ReadOnlyMemory<byte> Finish()
    {
        Json.Flush();
        if (_pretty)
            _message.Write(_json.Span);
        else
            QmpText.AppendSpaced(_json.Span, _message);
        _message.Write(QmpText.EndOfMessage);
        return _message.Memory;
    }

    public void Dispose()
    {
        Json.Dispose();
        _json.Dispose();
        _message.Dispose();
    }

    private static JsonWriterOptions Options(bool pretty) => new()
    {
        Encoder = QmpJsonEncoder.Instance,
        Indented = pretty,
        IndentSize = 4,
        NewLine = "\n",
        MaxDepth = DeepestMessage,
    };

    /// <summary>What a command returns, and an id, which may be as deep as a request, stand one level below the answer.</summary>
    private const int DeepestMessage = QmpJson.MaxDepth + 8;
}
