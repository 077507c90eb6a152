// SPDX-License-Identifier: MIT
using BlockHost.CommandLine;
using BlockHost.Images;

namespace BlockHost.Tools.Io;

/// <summary>The open image of one shell and its requests in flight.</summary>
/// <param name="imageOptions">--image-opts: "open" takes options instead of a name.</param>
internal sealed class IoSession(ToolConsole console, ImageOpener images, bool imageOptions) : IAsyncDisposable
{
    private readonly Lock _output = new();
    private readonly List<Task> _inFlight = [];

    /// <summary>Of a daemon's monitor: the image is open already, and stays.</summary>
    public IoSession(ToolConsole console, ImageOpener images, OpenImage image)
        : this(console, images, imageOptions: false)
    {
        Image = image;
        Writable = !image.Node.ReadOnly;
        IsShared = true;
    }

    /// <summary>What ends the process or gives the image to another is not to be had.</summary>
    public bool IsShared { get; }

    public ToolConsole Console { get; } = console;

    public bool ImageOptions { get; } = imageOptions;

    public OpenImage? Image { get; private set; }

    public bool Writable { get; private set; }

    /// <summary>Prints a piece of output whole: requests in flight print theirs when they complete.</summary>
    public void Print(string text)
    {
        lock (_output)
            Console.Out.Write(text);
    }

    /// <exception cref="ToolException">An image is open already.</exception>
    /// <returns>False where the image could not be opened, which has been reported.</returns>
    public async ValueTask<bool> OpenAsync(ImageSource source, OpenMode mode, CancellationToken cancellationToken)
    {
        if (Image is not null)
            throw new ToolException("file open already, try 'help close'");
        try
        {
            Image = await images.OpenAsync(source, mode, cancellationToken);
            Image.WarnOfGuess(Console);
            Writable = mode.Writable;
            return true;
        }
        catch (Exception e) when (ImageErrors.IsExpected(e) || e is ToolException)
        {
            var name = source.IsOptions && source.Path is null ? "" : $" device {source.Path ?? source.Name}";
            Console.Fail(new ToolException($"can't open{name}: {e.Message}") { Hint = ImageErrors.HintOf(e) });
            return false;
        }
    }

    public async ValueTask ReopenAsync(ImageReopening change, CancellationToken cancellationToken)
    {
        await FinishAsync();
        Image = await images.ReopenAsync(Image!, change, cancellationToken);
        Writable = !Image.Node.ReadOnly;
    }

    /// <summary>Prints what a request has to say.</summary>
    /// <exception cref="IoCommandException">It failed.</exception>
    public async ValueTask ReportAsync(ValueTask<(string Output, bool Good)> request)
    {
        var (output, good) = await request;
        Print(output);
        if (!good)
            throw new IoCommandException();
    }

    /// <summary>Keeps track of a request that goes on behind the prompt; its failure is printed and not the command's.</summary>
    public void Start(ValueTask<(string Output, bool Good)> request)
    {
        _inFlight.RemoveAll(task => task.IsCompleted);
        _inFlight.Add(PrintAsync(request));
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

    private async Task PrintAsync(ValueTask<(string Output, bool Good)> request) => Print((await request).Output);
}
