// SPDX-License-Identifier: MIT
using BlockHost.Block.Vvfat.Tests.Support;
using BlockHost.Plugins.Block.Vvfat.Writing;

namespace BlockHost.Block.Vvfat.Tests;

/// <summary>
/// A guest that wants out of the folder, or the host to hang, changes nothing: not in the folder, not beside it.
/// </summary>
public sealed class AttackTests : IDisposable
{
    private const ushort End = 0xffff;
    private const uint Free = 1000;

    private readonly Folder _folder = new();

    private string Shown => _folder["place/shown"];

    [Theory]
    [InlineData("..")]
    [InlineData(".")]
    [InlineData("../escaped")]
    [InlineData("a/b")]
    [InlineData("/etc/escaped")]
    [InlineData("/")]
    [InlineData("a\uf02fb/../../c")]
    [InlineData("\uf02e\uf02e")]
    [InlineData(".\uf02e")]
    [InlineData("\uf02e")]
    [InlineData("there")]
    public void By_a_long_name(string name) => Changes(raw =>
    {
        raw.SetNext(Free, End);
        raw.AddToRoot(RawFat16.LongEntries(name, Free, 10));
    });

    [Fact]
    public void By_a_name_that_is_no_text() => Changes(raw =>
    {
        raw.SetNext(Free, End);
        raw.AddToRoot(RawFat16.LongEntries("half " + (char)0xd800 + " of a pair", Free, 10));
    });

    [Fact]
    public void By_a_name_that_is_too_long_for_the_host() => Changes(raw =>
    {
        raw.SetNext(Free, End);
        raw.AddToRoot(RawFat16.LongEntries(new string('日', 100), Free, 10));
    });

    [Theory]
    [InlineData("..")]
    [InlineData(".")]
    [InlineData("../X")]
    [InlineData("A/B")]
    [InlineData("A\0B")]
    [InlineData("")]
    public void By_a_short_name(string name) => Changes(raw =>
    {
        raw.SetNext(Free, End);
        raw.AddToRoot(RawFat16.Entry(name, Free, 10));
    });

    [Fact]
    public void By_a_chain_without_an_end() => Changes(raw =>
    {
        raw.SetNext(Free, (ushort)(Free + 1));
        raw.SetNext(Free + 1, (ushort)Free);
        raw.AddToRoot(RawFat16.Entry("LOOP", Free, 5000));
    });

    [Fact]
    public void By_a_cluster_that_leads_to_itself() => Changes(raw =>
    {
        raw.SetNext(Free, (ushort)Free);
        raw.AddToRoot(RawFat16.Entry("LOOP", Free, 5000));
    });

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(0xfff7)]
    [InlineData(0xeeee)]
    public void By_a_chain_that_leads_nowhere(int next) => Changes(raw =>
    {
        raw.SetNext(Free, (ushort)next);
        raw.AddToRoot(RawFat16.Entry("NOWHERE", Free, 10));
    });

    [Fact]
    public void By_a_file_longer_than_its_chain() => Changes(raw =>
    {
        raw.SetNext(Free, End);
        raw.AddToRoot(RawFat16.Entry("LONGER", Free, uint.MaxValue));
    });

    [Fact]
    public void By_files_that_share_clusters() => Changes(raw =>
    {
        raw.SetNext(Free, End);
        raw.AddToRoot(RawFat16.Entry("ONE", Free, 10), RawFat16.Entry("TWO", Free, 10));
    });

    [Fact]
    public void By_a_folder_that_holds_itself() => Changes(raw =>
    {
        raw.SetNext(Free, End);
        raw.WriteCluster(Free, RawFat16.Entry("AGAIN", Free, 0, isFolder: true));
        raw.AddToRoot(RawFat16.Entry("FOLDER", Free, 0, isFolder: true));
    });

    [Fact]
    public void By_two_folders_that_hold_each_other() => Changes(raw =>
    {
        raw.SetNext(Free, End);
        raw.SetNext(Free + 1, End);
        raw.WriteCluster(Free, RawFat16.Entry("SECOND", Free + 1, 0, isFolder: true));
        raw.WriteCluster(Free + 1, RawFat16.Entry("FIRST", Free, 0, isFolder: true));
        raw.AddToRoot(RawFat16.Entry("FIRST", Free, 0, isFolder: true));
    });

    [Fact]
    public void By_folders_deeper_than_paths_are_long() => Changes(raw =>
    {
        for (uint i = 0; i < 500; i++)
        {
            raw.SetNext(Free + i, End);
            raw.WriteCluster(Free + i, RawFat16.Entry("DEEPER", Free + i + 1, 0, isFolder: true));
        }

        raw.SetNext(Free + 500, End);
        raw.AddToRoot(RawFat16.Entry("DEEP", Free, 0, isFolder: true));
    });

    [Fact]
    public void By_a_folder_without_clusters() => Changes(raw => raw.AddToRoot(RawFat16.Entry("FOLDER", 0, 0, isFolder: true)));

    [Fact]
    public void By_another_file_system() => Changes(raw => raw.WriteBoot(sector => sector[13] = 2));

    [Fact]
    public void By_a_link_that_the_host_has_there()
    {
        Prepare();
        Directory.CreateSymbolicLink(Path.Combine(Shown, "SUB"), _folder["place"]);
        Attack(raw =>
        {
            raw.SetNext(Free, End);
            raw.SetNext(Free + 1, End);
            raw.WriteCluster(Free, RawFat16.Entry("FILE", Free + 1, 10));
            raw.AddToRoot(RawFat16.Entry("SUB", Free, 0, isFolder: true));
        });
    }

    /// <summary>What Windows reserves and Linux does not is a name like others.</summary>
    [Theory]
    [InlineData("CON")]
    [InlineData("NUL.TXT")]
    [InlineData("-rf *")]
    [InlineData("new\nline")]
    public void Odd_names_are_names(string name)
    {
        Prepare();
        using (var disk = Writable.Open(Shown))
        {
            var raw = new RawFat16(disk);
            raw.SetNext(Free, End);
            raw.WriteCluster(Free, "content"u8.ToArray());
            raw.AddToRoot(RawFat16.LongEntries(name, Free, 7));
            disk.Flush();
            disk.Close();
            Assert.Null(disk.Problem);
        }

        Assert.Equal("content", File.ReadAllText(Path.Combine(Shown, name)));
    }

    /// <summary>Damage of every kind in tables and directories: nothing hangs, and nothing is changed outside.</summary>
    [Fact]
    public void By_noise()
    {
        Prepare();
        var outside = Judges.ContentsOf(_folder["place"]).Where(pair => !pair.Key.Contains("shown")).ToList();
        for (var seed = 0; seed < SearchSize.Of("BLOCKHOST_MUTANTS", 40); seed++)
        {
            using (var disk = Writable.Open(Shown))
            {
                var random = new Random(seed);
                new RawFat16(disk).Damage(random, random.Next(1, 6));
                disk.Flush();
                disk.TakeBack();
                disk.Close();
            }

            Assert.Equal(outside, Judges.ContentsOf(_folder["place"]).Where(pair => !pair.Key.Contains("shown")).ToList());
            Directory.Delete(_folder["place"], recursive: true);
            Prepare();
        }
    }

    public void Dispose() => _folder.Dispose();

    private void Prepare()
    {
        SampleFolder.Write(_folder.Path, "place/outside", 10);
        SampleFolder.Write(Shown, "there", 600);
        SampleFolder.Write(Shown, "folder/leaf", 600);
    }

    private void Changes(Action<RawFat16> attack)
    {
        Prepare();
        Attack(attack);
    }

    private void Attack(Action<RawFat16> attack)
    {
        var before = Listing();
        using (var disk = Writable.Open(Shown))
        {
            attack(new RawFat16(disk));
            disk.Flush();
            Assert.False(disk.TakeBack());
            disk.Close();
            Assert.NotNull(disk.Problem);
        }

        Assert.Equal(before, Listing());
    }

    /// <summary>Of everything but the journal, beside which the folder's time changes.</summary>
    private string Listing()
    {
        var all = CommandRunner.Check(
            _folder.Path, "find", ".", "-name", ".shown.vvfat", "-prune", "-o", "-printf", "%p %i %s %T@ %l\\n");
        return string.Join('\n', all.Split('\n').Where(line => !line.StartsWith("./place ", StringComparison.Ordinal)).Order());
    }
}
