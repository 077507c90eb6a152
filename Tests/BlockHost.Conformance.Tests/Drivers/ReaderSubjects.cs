// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Conformance.TestHost;
using BlockHost.Formats.Testing.Makers;
using BlockHost.Plugins;
using BlockHost.Plugins.Block.Bochs;
using BlockHost.Plugins.Block.Cloop;
using BlockHost.Plugins.Block.Dmg;

namespace BlockHost.Conformance.Tests.Drivers;

/// <summary>Drivers that only read, on images that the tests' makers made.</summary>
internal static class ReaderSubjects
{
    private const int Length = 96 << 10;
    private const int BlockSize = 8192;

    public static BlockDriverSubject Bochs() =>
        Make("bochs, growing", new BochsPlugin(), "bochs", content => BochsMaker.Redolog(content, _ => true));

    public static BlockDriverSubject Cloop() => Make(
        "cloop, 2.0",
        new CloopPlugin(),
        "cloop",
        content => CloopMaker.Make(CloopMaker.Pack(content, BlockSize), BlockSize, "2.0"),
        unpacks: true);

    public static BlockDriverSubject Dmg() => Make(
        "dmg, zlib, raw and zeroes",
        new DmgPlugin(),
        "dmg",
        content => DmgMaker.Make([new(0, [
            new(DmgMaker.Zlib, content[..(BlockSize * 3)], CloopMaker.Zlib(content[..(BlockSize * 3)])),
            DmgMaker.Chunk.AsIs(content[(BlockSize * 3)..(Length / 2)]),
            DmgMaker.Chunk.Zeroes(DmgMaker.Zero, Length / 2)])]),
        unpacks: true);

    private static BlockDriverSubject Make(
        string name, Plugin plugin, string format, Func<byte[], MemoryImage> make, bool unpacks = false) => new()
        {
            Name = name,
            Driver = PluginContents.Of(plugin).Driver(format),
            ReadOnly = true,
            Resizable = false,
            AllocationBudget = unpacks ? 4096 : 0,
            CreateImage = _ =>
            {
                var content = new byte[Length];
                new Random(1).NextBytes(content.AsSpan(0, Length / 2));
                return new(new SubjectImage
                {
                    Options = JsonDocument.Parse("""{"file":"file"}""").RootElement,
                    Length = Length,
                    Content = content,
                    Children = new Dictionary<string, SubjectChild> { ["file"] = new(make(content), ReadOnly: true) },
                });
            },
        };
}
