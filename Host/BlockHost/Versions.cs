// SPDX-License-Identifier: MIT
using System.Reflection;
using BlockHost.CommandLine;

namespace BlockHost;

internal static class Versions
{
    /// <summary>The QEMU whose behaviour the drop-in programs follow.</summary>
    public const string Qemu = "7.2.22";

    public static string Own { get; } =
        typeof(Versions).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion.Split('+')[0]
            ?? "0.0.0";

    /// <summary>The first words are what scripts look for in the program that is replaced.</summary>
    public static void Print(ToolConsole console, string program) =>
        console.Out.Write($"{program} version {Qemu} (blockhost {Own})\n");
}
