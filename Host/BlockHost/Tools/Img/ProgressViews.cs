// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Globalization;
using BlockHost.CommandLine;

namespace BlockHost.Tools.Img;

/// <summary>Lets a view through a few times a second.</summary>
internal sealed class ProgressPace(TimeSpan interval)
{
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private TimeSpan _next;

    public TimeSpan Elapsed => _clock.Elapsed;

    public bool IsDue(ProgressState state)
    {
        if (state.Percent is > 0 and < 100 && _clock.Elapsed < _next)
            return false;
        _next = _clock.Elapsed + interval;
        return true;
    }

    /// <summary>Null where bytes are not counted or too little has passed to tell.</summary>
    public long? BytesPerSecond(ProgressState state) =>
        state.Done is > 0 and var done && Elapsed.TotalSeconds is > 0.01 and var seconds ? (long)(done / seconds) : null;
}

/// <summary>
/// A bar on a terminal that is drawn over itself:
/// <code>
///   convert [==============>               ]  48.2%  612 MiB/s  3s left
/// </code>
/// </summary>
internal sealed class ProgressBar(TextWriter output, string command) : IProgressView
{
    private const int Width = 30;
    private const string ClearToEnd = "\u001b[K";

    private readonly ProgressPace _pace = new(TimeSpan.FromMilliseconds(100));

    public void Show(ProgressState state)
    {
        if (!_pace.IsDue(state))
            return;
        output.Write(
            $"\r{command} [{Bar(state.Percent)}] {state.Percent.ToString("0.0", CultureInfo.InvariantCulture),5}%{Details(state)}{ClearToEnd}");
        output.Flush();
    }

    public void End()
    {
        output.Write('\n');
        output.Flush();
    }

    private static string Bar(double percent)
    {
        var filled = (int)(percent / 100 * Width);
        return filled == Width ? new string('=', Width) : (new string('=', filled) + ">").PadRight(Width);
    }

    private string Details(ProgressState state)
    {
        var rate = _pace.BytesPerSecond(state) is { } bytes ? $"  {Sizes.Human(bytes)}/s" : "";
        if (state.Percent is <= 0 or >= 100)
            return rate;
        var left = TimeSpan.FromSeconds(_pace.Elapsed.TotalSeconds * (100 - state.Percent) / state.Percent);
        return $"{rate}  {(left.TotalMinutes >= 1 ? $"{(int)left.TotalMinutes}m{left.Seconds:00}s" : $"{left.Seconds}s")} left";
    }
}

/// <summary>
/// One JSON object a line, for programs. "done" and "total" are bytes, and there where the command counts bytes:
/// <code>
///   {"command": "convert", "percent": 48.21, "seconds": 1.204, "done": 517996544, "total": 1074790400}
/// </code>
/// The last line has "finished": true if the command got to its end, false if it did not.
/// </summary>
internal sealed class ProgressJson(TextWriter error, string command) : IProgressView
{
    private readonly ProgressPace _pace = new(TimeSpan.FromMilliseconds(250));
    private ProgressState _last;

    public void Show(ProgressState state)
    {
        // A command may say that it is done after it has said how many bytes that was.
        _last = state.Done is null && state.Percent >= 100 && _last.Total is { } total ? new(100, total, total) : state;
        if (state.Percent < 100 && _pace.IsDue(state))
            Write("");
    }

    public void End() => Write($", \"finished\": {(_last.Percent >= 100 ? "true" : "false")}");

    private void Write(string more)
    {
        var bytes = _last.Done is { } done ? $", \"done\": {done}, \"total\": {_last.Total}" : "";
        error.Write(string.Create(
            CultureInfo.InvariantCulture,
            $"{{\"command\": \"{command}\", \"percent\": {_last.Percent:0.00}, \"seconds\": {_pace.Elapsed.TotalSeconds:0.000}{bytes}{more}}}\n"));
        error.Flush();
    }
}
