// SPDX-License-Identifier: MIT
namespace BlockHost.Core.Chardevs.Mux;

/// <summary>What a user types to the multiplexer itself: Ctrl-A and a key.</summary>
internal enum MuxKey
{
    None,
    Help,
    Quit,
    Save,
    Timestamps,
    Break,
    Next,
}

/// <summary>Takes the keys that are meant for the multiplexer out of what is typed.</summary>
internal sealed class EscapeKeys
{
    public const byte Escape = 1;

    private bool _escaped;

    /// <returns>The byte is for whom the user types to; else <paramref name="key"/> is what it asks for, if anything.</returns>
    public bool Take(byte typed, out MuxKey key)
    {
        key = MuxKey.None;
        if (!_escaped)
        {
            _escaped = typed == Escape;
            return !_escaped;
        }

        _escaped = false;
        if (typed == Escape)
            return true;
        key = (char)typed switch
        {
            '?' or 'h' => MuxKey.Help,
            'x' => MuxKey.Quit,
            's' => MuxKey.Save,
            't' => MuxKey.Timestamps,
            'b' => MuxKey.Break,
            'c' => MuxKey.Next,
            _ => MuxKey.None,
        };
        return false;
    }
}
