// SPDX-License-Identifier: MIT
using System.Diagnostics;
using System.Text;

namespace BlockHost.Testing.Guest;

/// <summary>
/// A Linux guest that runs a script, and its console. Its kernel comes from "guest.sh fetch", which CI does first; another place
/// than artifacts/guest is given by BLOCKHOST_GUEST.
/// </summary>
public sealed class LinuxGuest : IAsyncDisposable
{
    private readonly Process _process;
    private readonly StringBuilder _console = new();

    private LinuxGuest(Process process)
    {
        _process = process;
        process.OutputDataReceived += (_, line) => Append(line.Data);
        process.ErrorDataReceived += (_, line) => Append(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    /// <summary>Why there is no guest here; null: there can be one.</summary>
    public static string? Missing =>
        !InstalledPrograms.Has("qemu-system-x86_64") ? "qemu-system-x86_64 is not installed"
            : File.Exists(Path.Combine(Folder, "vmlinuz")) ? null
            : "there is no kernel for a guest (Tests/BlockHost.Testing/Guest/guest.sh fetch artifacts/guest)";

    /// <summary>What it has shown so far.</summary>
    public string Console
    {
        get
        {
            lock (_console)
                return _console.ToString();
        }
    }

    private static string Folder =>
        Environment.GetEnvironmentVariable("BLOCKHOST_GUEST") ?? SourceTree.PathOf("artifacts", "guest");

    private static string Tool => SourceTree.PathOf("Tests", "BlockHost.Testing", "Guest", "guest.sh");

    /// <param name="folder">Takes the guest's files.</param>
    /// <param name="script">For busybox's sh.</param>
    /// <param name="modules">Of the kernel.</param>
    /// <param name="arguments">For QEMU: the guest's devices. Its memory is shared.</param>
    public static LinuxGuest Start(string folder, string script, string[] modules, params string[] arguments)
    {
        var (image, file) = (Path.Combine(folder, "initramfs"), Path.Combine(folder, "script"));
        File.WriteAllText(file, script.ReplaceLineEndings("\n"));
        using (var pack = Process.Start("bash", [Tool, "pack", Folder, image, file, .. modules]))
            pack.WaitForExit();
        return new LinuxGuest(Process.Start(new ProcessStartInfo("bash", [Tool, "run", Folder, image, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!);
    }

    /// <summary>Waits until the console shows this; false: the guest has ended before, or it takes too long.</summary>
    public async Task<bool> ShowsAsync(string text, TimeSpan patience)
    {
        for (var clock = Stopwatch.StartNew(); clock.Elapsed < patience; await Task.Delay(20))
        {
            var ended = _process.HasExited;
            if (Console.Contains(text, StringComparison.Ordinal))
                return true;
            if (ended)
                return false;
        }

        return false;
    }

    /// <summary>How the script has ended; 125: the guest ended without it.</summary>
    public async Task<int> ExitCodeAsync(TimeSpan patience)
    {
        await _process.WaitForExitAsync().WaitAsync(patience);
        return _process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync();
        }

        _process.Dispose();
    }

    private void Append(string? line)
    {
        lock (_console)
            _console.Append(line).Append('\n');
    }
}
