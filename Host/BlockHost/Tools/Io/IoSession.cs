// SPDX-License-Identifier: MIT
using BlockHost.CommandLine;
using BlockHost.Images;

namespace BlockHost.Tools.Io;

/// <summary>The open image of one shell and its requests in flight.</summary>
internal sealed class IoSession(ToolConsole console, ImageOpener images, bool writable, OpenMode defaults) : IAsyncDisposable
{
    private readonly List<Task> _inFlight = [];

    public ToolConsole Console { get; } = console;

    public TextWriter Out => Console.Out;

    public OpenImage? Image { get; private set; }

    public bool Writable { get; private set; } = writable;

    public OpenMode Defaults { get; } = defaults;

    private ImageSource? _source;

    public async ValueTask<bool> OpenAsync(ImageSource source, OpenMode mode, CancellationToken cancellationToken)
    {
        if (Image is not null)
            throw new IoCommandException("file open already, try 'help close'");
        try
        {
            Image = await images.OpenAsync(source, mode, cancellationToken);
            Image.WarnOfGuess(Console);
            Writable = mode.Writable;
            _source = source;
            return true;
        }
        catch (Exception e) when (ImageErrors.IsExpected(e))
        {
            Console.Report(source.IsOptions ? $"can't open: {e.Message}" : $"can't open device {source.Name}: {e.Message}");
            return false;
        }
    }

    /// <summary>Opens the same image anew.</summary>
    public async ValueTask ReopenAsync(OpenMode mode, CancellationToken cancellationToken)
    {
        var source = _source!;
        await CloseAsync();
        if (!await OpenAsync(source, mode, cancellationToken))
            throw new IoCommandException();
    }

    /// <summary>Keeps track of a request that goes on behind the prompt.</summary>
    public void Start(Func<Task> request)
    {
        _inFlight.RemoveAll(task => task.IsCompleted);
        _inFlight.Add(request());
    }

    public async ValueTask FinishAsync()
    {
        await Task.WhenAll(_inFlight);
        _inFlight.Clear();
    }

    public async ValueTask CloseAsync()
    {
        await FinishAsync();
        if (Image is not { } image)
            return;
        Image = null;
        await image.DisposeAsync();
    }

    public ValueTask DisposeAsync() => CloseAsync();
}
