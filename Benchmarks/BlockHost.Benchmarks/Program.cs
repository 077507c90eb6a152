// SPDX-License-Identifier: MIT
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

// In this process: a generated project of BenchmarkDotNet's would not have this repository's build rules.
var job = args.Contains("--quick") ? Job.ShortRun : Job.Default;
BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(
    [.. args.Where(arg => arg != "--quick")],
    DefaultConfig.Instance.AddJob(job.WithToolchain(InProcessEmitToolchain.Instance)));
