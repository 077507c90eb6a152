// SPDX-License-Identifier: MIT
using System.Runtime.InteropServices;
using BlockHost.Plugins;
using BlockHost.Qmp;
using Fixture;

[assembly: PluginEntry(typeof(NativeLibraryPlugin))]

namespace Fixture;

/// <summary>Calls a C library that lies beside it.</summary>
public sealed class NativeLibraryPlugin : Plugin
{
    public override void Register(IPluginRegistry registry) => registry.Add(new QmpSignal($"ANSWER_{Answer()}"));

    [DllImport("fixture_quirk", EntryPoint = "fixture_answer")]
    private static extern int Answer();
}
