// SPDX-License-Identifier: MIT
using System.Globalization;

namespace BlockHost.Tools.Img;

/// <summary>The "    (12.34/100%)" that -p writes over itself; nothing where it was not asked for.</summary>
internal sealed class ProgressLine(TextWriter output, bool enabled, double step = 1)
{
    private readonly Lock _gate = new();
    private double _shown;

    public void Begin()
    {
        if (enabled)
            Write(0);
    }

    /// <param name="fraction">0 to 1.</param>
    public void Report(double fraction)
    {
        if (!enabled)
            return;
        var percent = Math.Min(100, fraction * 100);
        lock (_gate)
        {
            if (percent - _shown < step && percent < 100)
                return;
            Write(percent);
        }
    }

    public void End()
    {
        if (!enabled)
            return;
        output.Write('\n');
        output.Flush();
    }

    private void Write(double percent)
    {
        _shown = percent;
        output.Write(string.Create(CultureInfo.InvariantCulture, $"    ({Math.Round((decimal)percent, 2, MidpointRounding.ToEven):0.00}/100%)\r"));
        output.Flush();
    }
}
