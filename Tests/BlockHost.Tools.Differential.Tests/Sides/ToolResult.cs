// SPDX-License-Identifier: MIT
namespace BlockHost.Tools.Differential.Tests.Sides;

internal sealed record ToolResult(int ExitCode, string Output, string Error)
{
    public override string ToString() => $"exit {ExitCode}\n--- standard output\n{Output}--- standard error\n{Error}";
}
