// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Sequences.Tests.Relays;
using BlockHost.Sequences.Tests.Watched;
using BlockHost.Tools.Differential.Tests.Sides;

namespace BlockHost.Sequences.Tests.Crashes;

/// <summary>
/// Commands that only read an image, once for each of their operations on files, of which that one fails: they end and say what
/// has failed, or find what they find without it. The image stays as it is, byte for byte.
/// </summary>
internal sealed class ReadingErrors(Layout layout, int seed, int most, Func<bool> wants)
{
    private const int Steps = 4;

    /// <summary>The last one is all that QEMU's compare says as well.</summary>
    private static readonly string[] Reasons =
        ["Input/output error", "No space left on device", "Injected", "Sector allocation test failed"];

    private readonly FileWatch _watch = new();

    public int Errors { get; private set; }

    /// <returns>What went wrong, or null.</returns>
    public string? Run()
    {
        using var image = new RelayImage(layout, _watch);
        try
        {
            new Beginning(image, new Random(seed)).Make();
            foreach (var step in Relay.Random(layout, seed).Seeds.Take(Steps))
                RelaySteps.Take(image, new Random(step));
            File.WriteAllBytes(Path.Combine(image.Folder, "content"), image.Content);
            foreach (var args in Commands(image).TakeWhile(_ => Errors < most))
                Try(image, layout.WithSecrets("qemu-img", args));
            return null;
        }
        catch (Exception e) when (e is RelayException or TimeoutException)
        {
            return $"{e.Message}\n\n{image.Script}";
        }
    }

    private string[][] Commands(RelayImage image) =>
    [
        ["info", "--output=json", "-f", layout.Format, image.Locator],
        ["map", "--output=json", "-f", layout.Format, image.Locator],
        ["measure", "--output=json", "-O", "qcow2", "-f", layout.Format, image.Locator],
        ["compare", "-f", layout.Format, "-F", "raw", image.Locator, "content"],
        ["dd", "-f", layout.Format, "-O", "raw", "bs=64k", $"if={image.Locator}", "of=copied"],
    ];

    private void Try(RelayImage image, IReadOnlyList<string> args)
    {
        var before = FolderState.Of(image.Folder);
        var whole = Fail(image, args, -1);
        if (whole.ExitCode != 0)
            return;
        for (int at = 0, count = _watch.Begun; at < count && Errors < most; at++)
        {
            if (!wants())
                continue;
            var result = Fail(image, args, at);
            if (_watch.Failed is not { } failed)
                continue;
            Errors++;
            if (Judge(image, args, whole, result) is { } failure)
                throw new RelayException($"{_watch.FailWith} in operation {at} ({failed}) of 'qemu-img {string.Join(' ', args)}': {failure}");
            File.Delete(Path.Combine(image.Folder, "copied"));
            if (!FolderState.Of(image.Folder).Equals(before))
                throw new RelayException($"'qemu-img {string.Join(' ', args)}' has changed a file");
        }
    }

    private ToolResult Fail(RelayImage image, IReadOnlyList<string> args, int at)
    {
        _watch.Begin();
        (_watch.FailAt, _watch.FailWith) = (at, at % 2 == 0 ? BlockErrorKind.Io : BlockErrorKind.NoSpace);
        var result = InProcessTool.Run(image.Folder, "qemu-img", args, input: "", new WatchedHosts(_watch));
        if (at < 0)
            File.Delete(Path.Combine(image.Folder, "copied"));
        return result;
    }

    private static string? Judge(RelayImage image, IReadOnlyList<string> args, ToolResult whole, ToolResult result)
    {
        var said = result.Output + result.Error;
        if (result.ExitCode != 0)
            return Reasons.Any(reason => said.Contains(reason, StringComparison.Ordinal))
                ? null
                : $"it does not say what has failed: {result}";
        if (args[0] != "info" && result.Output != whole.Output)
            return $"it succeeds, and finds {result.Output} instead of {whole.Output}";
        return args[0] != "dd" || File.ReadAllBytes(Path.Combine(image.Folder, "copied")).AsSpan().SequenceEqual(image.Content)
            ? null
            : "it succeeds, and its copy is wrong";
    }
}
