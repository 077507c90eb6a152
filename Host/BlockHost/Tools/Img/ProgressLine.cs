// SPDX-License-Identifier: MIT
using System.Globalization;
using System.Runtime.InteropServices;
using BlockHost.CommandLine;

namespace BlockHost.Tools.Img;

/// <summary>
/// How far a long command is. -p writes what QEMU's does, or a bar where a terminal is looking; --progress=json
/// writes lines to standard error; SIGUSR1 asks for one line there. Disposing ends the line.
/// </summary>
internal sealed class ProgressLine : IDisposable
{
    private const PosixSignal SigUsr1 = (PosixSignal)10;

    private readonly Lock _gate = new();
    private readonly IProgressView[] _views;
    private readonly ToolConsole _console;
    private readonly PosixSignalRegistration? _signal;
    private volatile bool _asked;
    private bool _ended;

    private ProgressLine(ToolConsole console, IProgressView[] views)
    {
        _console = console;
        _views = views;
        // Without a handler the signal would end the program.
        if (views.Length == 0 && OperatingSystem.IsLinux())
            _signal = PosixSignalRegistration.Create(SigUsr1, Ask);
    }

    /// <param name="text">-p.</param>
    /// <param name="json">--progress=json.</param>
    /// <param name="step">Percent between two reports of -p on a pipe.</param>
    public static ProgressLine Start(string command, ToolConsole console, bool text, bool json, double step)
    {
        var views = new List<IProgressView>();
        if (text)
            views.Add(console.IsTerminal ? new ProgressBar(console.Out, command) : new ProgressText(console.Out, step));
        if (json)
            views.Add(new ProgressJson(console.Error, command));
        var line = new ProgressLine(console, [.. views]);
        line.Report(0);
        return line;
    }

    /// <param name="fraction">0 to 1.</param>
    public void Report(double fraction) => Show(new(Math.Clamp(fraction, 0, 1) * 100, null, null));

    /// <param name="done">Bytes.</param>
    /// <param name="total">Bytes; 0: there is nothing to do.</param>
    public void Report(long done, long total) =>
        Show(new(total <= 0 ? 100 : Math.Clamp((double)((float)done / total * 100), 0, 100), done, total));

    /// <summary>All is done.</summary>
    public void Complete() => Report(1);

    /// <summary>Nothing more is shown, not even an end.</summary>
    public void Abandon()
    {
        lock (_gate)
            _ended = true;
        _signal?.Dispose();
    }

    public void Dispose()
    {
        lock (_gate)
        {
            if (_ended)
                return;
            _ended = true;
            foreach (var view in _views)
                view.End();
        }

        _signal?.Dispose();
    }

    private void Show(ProgressState state)
    {
        if (_views.Length == 0 && !_asked)
            return;
        lock (_gate)
        {
            if (_ended)
                return;
            foreach (var view in _views)
                view.Show(state);
        }

        if (!_asked)
            return;
        _asked = false;
        _console.ErrorLine(state.QemuText);
    }

    private void Ask(PosixSignalContext context)
    {
        context.Cancel = true;
        _asked = true;
    }
}

/// <param name="Percent">0 to 100.</param>
/// <param name="Done">Bytes, where the command counts bytes.</param>
internal readonly record struct ProgressState(double Percent, long? Done, long? Total)
{
    public string QemuText =>
        string.Create(
            CultureInfo.InvariantCulture, $"    ({Math.Round((decimal)Percent, 2, MidpointRounding.ToEven):0.00}/100%)");
}

internal interface IProgressView
{
    void Show(ProgressState state);

    void End();
}

/// <summary>QEMU's "    (12.34/100%)" over itself, each time a step has been made.</summary>
internal sealed class ProgressText(TextWriter output, double step) : IProgressView
{
    private double _shown;

    public void Show(ProgressState state)
    {
        var percent = state.Percent;
        if (percent is > 0 and < 100 && percent <= _shown + step && percent >= _shown - step)
            return;
        _shown = percent;
        output.Write(state.QemuText + "\r");
        output.Flush();
    }

    public void End()
    {
        output.Write('\n');
        output.Flush();
    }
}
