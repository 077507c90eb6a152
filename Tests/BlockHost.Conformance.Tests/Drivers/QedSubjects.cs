// SPDX-License-Identifier: MIT
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins.Block.Qed;

namespace BlockHost.Conformance.Tests.Drivers;

/// <summary>The qed driver on images that it made itself, with small clusters.</summary>
internal static class QedSubjects
{
    private const int Length = (60 * 4096) + 512;

    public static BlockDriverSubject Make(string name, int tableSize, bool backing)
    {
        var driver = PluginContents.Of(new QedPlugin()).Driver("qed");
        var options = new Dictionary<string, object> { ["cluster-size"] = 4096, ["table-size"] = tableSize };
        return new()
        {
            Name = $"qed, {name}",
            Driver = driver,
            // It grows only.
            Resizable = false,
            CreateImage = async token => await MadeImage.CreateAsync(driver, Length, backing, options, token),
        };
    }
}
