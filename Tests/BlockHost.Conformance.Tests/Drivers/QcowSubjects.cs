// SPDX-License-Identifier: MIT
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins.Block.Qcow;

namespace BlockHost.Conformance.Tests.Drivers;

/// <summary>The qcow driver on images that it made itself: those over a backing file have clusters of 512 bytes.</summary>
internal static class QcowSubjects
{
    private const int Length = (60 * 4096) + 512;

    public static BlockDriverSubject Make(string name, bool backing)
    {
        var driver = PluginContents.Of(new QcowPlugin()).Driver("qcow");
        var options = new Dictionary<string, object>();
        if (backing)
            options["backing-file"] = "base";
        return new()
        {
            Name = $"qcow, {name}",
            Driver = driver,
            LosesSpace = true,
            CreateImage = async token => await MadeImage.CreateAsync(driver, Length, backing, options, token),
        };
    }
}
