// SPDX-License-Identifier: MIT
using System.Text;
using BlockHost.CommandLine;
using BlockHost.Composition;

namespace BlockHost.Tools.Differential.Tests.Sides;

/// <summary>
/// Our tools inside this process. Relative names are the process's affair, so one tool runs at a time, in its folder.
/// </summary>
internal static class InProcessTool
{
    /// <summary>Collection of the tests that use this.</summary>
    public const string OneAtATime = "in-process tools";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    public static ToolResult Run(string folder, string name, IReadOnlyList<string> args, string input, IHostFactory? hosts = null)
    {
        var (role, _) = RoleOf(name);
        var output = new StringWriter { NewLine = "\n" };
        var error = new StringWriter { NewLine = "\n" };
        var before = Environment.CurrentDirectory;
        Environment.CurrentDirectory = folder;
        try
        {
            using var console = new ToolConsole(name, output, error, new MemoryStream(Encoding.UTF8.GetBytes(input)));
            var run = Task.Run(() => ToolRunner.RunAsync(role, console, hosts ?? new LinkedHosts(), args));
            if (!run.Wait(Patience))
                throw new TimeoutException($"our {name} {string.Join(' ', args)} does not end; so far: {output}{error}");
            return new(run.Result, output.ToString(), error.ToString());
        }
        finally
        {
            Environment.CurrentDirectory = before;
        }
    }

    private static (Role Role, string Name) RoleOf(string name)
    {
        var words = name.Split(' ');
        ReadOnlySpan<string> rest = words.AsSpan(1);
        var calledAs = CalledAs.From(words[0], ref rest);
        return (calledAs.Role, calledAs.Name);
    }
}
