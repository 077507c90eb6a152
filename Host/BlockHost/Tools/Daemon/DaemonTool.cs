// SPDX-License-Identifier: MIT
using BlockHost.CommandLine;
using BlockHost.Composition;
using BlockHost.Core.Qmp;
using BlockHost.Images;
using BlockHost.Processes;
using BlockHost.Qmp;

namespace BlockHost.Tools.Daemon;

/// <summary>
/// qemu-storage-daemon, and blockhost serve: opens what the options say, in their order, serves until it is told to
/// stop, and then ends in order. Under our own name everything that it makes is for this user alone; under QEMU's the
/// umask decides.
/// </summary>
internal sealed class DaemonTool(ToolConsole console, IHostFactory hosts, bool embeddedDefault) : ITool
{
    public async Task<int> RunAsync(IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var commandLine = DaemonCommandLine.Parse(args, own: embeddedDefault);
        switch (commandLine.Answer)
        {
            case DaemonAnswer.Help:
                DaemonHelp.Print(console, own: embeddedDefault);
                return 0;
            case DaemonAnswer.Version:
                Versions.Print(console, "qemu-storage-daemon");
                return 0;
        }

        var background = Background.Adopt();
        if (commandLine.Daemonize && background is null)
            return Background.Start(Environment.GetCommandLineArgs().Skip(1));
        if (embeddedDefault)
            FileCreation.KeepPrivate();
        else if (background is not null)
            FileCreation.KeepToGroup();
        return await ServeAsync(commandLine, background, cancellationToken);
    }

    private async Task<int> ServeAsync(DaemonCommandLine commandLine, Background? background, CancellationToken cancellationToken)
    {
        using var signals = new StopSignals();
        var embedded = embeddedDefault && commandLine.Steps.Count == 0;
        var canBeAsked = embedded || commandLine.Steps.Any(step => step.Kind == DaemonStepKind.Monitor);
        await using var host = await hosts.StartAsync(commandLine.Host with { CanUnload = canBeAsked }, cancellationToken);
        host.Warnings.Given += console.Report;
        host.Warnings.Noted += console.ErrorLine;
        if (commandLine.WaitsForStart)
            host.WaitForStart();
        if (commandLine.Incoming is not null)
            host.WaitForState();
        if (commandLine is { StuckAfter: { } limit, Host.Log.IsOff: false })
            host.WatchRequests(limit);
        using var state = embedded ? EmbeddedState.Open(commandLine.StateFolder, commandLine.Port) : null;
        if (state is not null)
            await state.CreateDiskAsync(host, cancellationToken);

        using var pidFile = await OpenAllAsync(host, commandLine, state?.Steps() ?? commandLine.Steps, cancellationToken);
        state?.Keep();
        console.Out.Write(state?.Describe(inBackground: background is not null) ?? "");
        console.Out.Flush();
        background?.Ready();
        if (background is not null)
            Environment.CurrentDirectory = "/";

        await Task.WhenAny(signals.Requested, host.QuitRequested);
        await host.ShutDownAsync(signals.Requested.IsCompleted ? ShutdownCause.HostSignal : ShutdownCause.HostQmpQuit);
        return 0;
    }

    /// <summary>Clients are let in when all is open and the pid file says so.</summary>
    private async Task<PidFile?> OpenAllAsync(
        RunningHost host, DaemonCommandLine commandLine, IEnumerable<DaemonStep> steps, CancellationToken cancellationToken)
    {
        if (commandLine.Incoming is { } uri and not "defer")
            steps = steps.Append(new DaemonStep(DaemonStepKind.Incoming, uri, $"--incoming {uri}"));
        using (host.HoldClients())
        {
            foreach (var step in steps)
                await RunStepAsync(host, step, cancellationToken);
            await host.WaitForPasswordsAsync(cancellationToken);
            return commandLine.PidFile is { } pidFile ? PidFile.Create(pidFile) : null;
        }
    }

    /// <summary>QEMU's daemon has help for --object alone.</summary>
    private async ValueTask ShowHelpAsync(RunningHost host, DaemonStep step, CancellationToken cancellationToken)
    {
        QapiExtension? union = step.Kind switch
        {
            DaemonStepKind.Blockdev => QapiExtension.BlockdevOptions,
            DaemonStepKind.Export => QapiExtension.BlockExportOptions,
            _ => null,
        };
        if (embeddedDefault && union is { } helped && OptionHelp.IsAskedFor(step.Argument))
            throw await OptionHelp.OfAsync(host.Help, helped, step.Argument, cancellationToken);
    }

    /// <summary>An error tells which option it is about.</summary>
    private async ValueTask RunStepAsync(RunningHost host, DaemonStep step, CancellationToken cancellationToken)
    {
        try
        {
            await ShowHelpAsync(host, step, cancellationToken);
            await DaemonSteps.RunAsync(
                host, step, waiting => console.Report($"info: QEMU waiting for connection on: {waiting}"), cancellationToken);
        }
        catch (ToolException e) when (e is { Output: null, IsUnknownWord: false })
        {
            throw new ToolException($"{step.Text}: {e.Message}", e.ExitCode) { Hint = e.Hint };
        }
        catch (Exception e) when (ImageErrors.IsExpected(e))
        {
            throw new ToolException($"{step.Text}: {e.Message}") { Hint = ImageErrors.HintOf(e) };
        }
    }
}
