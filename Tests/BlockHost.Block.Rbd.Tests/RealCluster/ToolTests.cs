// SPDX-License-Identifier: MIT
using System.Text.RegularExpressions;
using BlockHost.Block.Rbd.Tests.Cluster;

namespace BlockHost.Block.Rbd.Tests.RealCluster;

/// <summary>
/// Our tools and QEMU's, with QEMU's own driver, on one cluster: they say the same, and read what the other has written.
/// </summary>
[Collection(CephCollection.Name)]
public sealed partial class ToolTests(CephCluster ceph)
{
    private static readonly string[][] Session =
    [
        ["qemu-img", "create", "-f", "rbd", "-o", "help", "{rbd}"],
        ["qemu-img", "create", "-f", "raw", "{rbd}", "64M"],
        ["qemu-img", "info", "-f", "rbd", "--output=json", "{rbd}"],
        ["qemu-img", "snapshot", "-c", "one", "{rbd}"],
        ["qemu-img", "snapshot", "-l", "{rbd}"],
        ["qemu-img", "info", "--output=json", "{rbd}"],
        ["qemu-io", "-f", "raw", "-c", "write -q -P 1 5M 1M", "-c", "write -q -z -u 28M 4M", "{rbd}"],
        ["qemu-img", "map", "--output=json", "{rbd}"],
        ["qemu-img", "map", "--output=json", "{snapshot}"],
        ["qemu-io", "-f", "raw", "-c", "write 0 4k", "{snapshot}"],
        ["qemu-img", "snapshot", "-a", "none", "--image-opts", "{raw}"],
        ["qemu-img", "snapshot", "-d", "none", "--image-opts", "{raw}"],
        ["qemu-img", "snapshot", "-a", "one", "--image-opts", "{raw}"],
        ["qemu-io", "-f", "raw", "-c", "read -q -P 0 5M 1M", "{rbd}"],
        ["qemu-img", "snapshot", "-d", "one", "--image-opts", "{raw}"],
        ["qemu-img", "create", "-f", "rbd", "{rbd}", "1M"],
        ["qemu-img", "create", "-f", "rbd", "-o", "encrypt.format=luks", "{other}", "1M"],
        ["qemu-img", "create", "-f", "rbd", "-o", "encrypt.format=none,encrypt.key-secret=x", "{other}", "1M"],
        ["qemu-img", "create", "-f", "rbd", "-o", "password-secret=none", "{other}", "1M"],
        ["qemu-img", "resize", "-f", "raw", "--shrink", "{rbd}", "32M"],
        ["qemu-img", "resize", "-f", "raw", "--preallocation=full", "{rbd}", "64M"],
        ["qemu-img", "info", "{other}"],
        ["qemu-img", "info", "--image-opts", "driver=rbd,pool=rbd,image={name},conf={conf}"],
        ["qemu-img", "create", "-q", "-f", "qcow2", "{other}", "64M"],
        ["qemu-io", "-c", "write -q -P 3 1M 1M", "{other}"],
        ["qemu-img", "convert", "-n", "-f", "qcow2", "-O", "raw", "{other}", "{rbd}"],
        ["qemu-img", "compare", "-f", "qcow2", "-F", "raw", "{other}", "{rbd}"],
    ];

    [SkippableFact]
    public void A_session_with_ours_says_what_one_with_QEMUs_says()
    {
        Require();

        Assert.Equal(Run(ours: false), Run(ours: true));
    }

    [SkippableFact]
    public void What_one_writes_the_other_reads()
    {
        Require();
        var image = ceph.NewImage("16M");
        for (var round = 1; round <= 4; round++)
        {
            var (writer, reader) = round % 2 == 0 ? ((Func<string, string>)Ours, (Func<string, string>)Theirs) : (Theirs, Ours);
            ceph.Run(writer("qemu-io"), "-f", "raw", "-c", $"write -q -P {round} 3M 6M", ceph.FileName(image));
            Assert.DoesNotContain(
                "failed", ceph.Run(reader("qemu-io"), "-f", "raw", "-c", $"read -q -P {round} 3M 6M", ceph.FileName(image)));
        }
    }

    /// <summary>To derive a key takes seconds: as few tools as can be do it.</summary>
    [SkippableTheory]
    [InlineData("luks", false)]
    [InlineData("luks2", true)]
    public void An_encrypted_image_of_one_opens_with_the_other(string format, bool isOurs)
    {
        Require();
        var (maker, user) = isOurs ? ((Func<string, string>)Ours, (Func<string, string>)Theirs) : (Theirs, Ours);
        var name = ceph.NewName();
        string[] secret = ["--object", "secret,id=key,data=opensesame"];
        var options = $"encrypt.format={format},encrypt.key-secret=key";
        var image = $"driver=rbd,pool=rbd,image={name},conf={ceph.Configuration},{options}";
        ceph.Run(maker("qemu-img"), ["create", "-q", .. secret, "-f", "rbd", "-o", options, ceph.FileName(name), "40M"]);
        ceph.Run(maker("qemu-io"), [.. secret, "-c", "write -q -P 9 1M 1M", "--image-opts", image]);

        var said = ceph.Run(user("qemu-io"), [.. secret, "-c", "read -q -P 9 1M 1M", "-c", "length", "--image-opts", image]);

        Assert.Equal("40 MiB\n", said);
    }

    private static string Ours(string program) => SourceTree.Program(program);

    private static string Theirs(string program) => program;

    private void Require()
    {
        ceph.Require();
        Skip.IfNot(CephCluster.HasQemusDriver, "qemu-img with its rbd driver is not installed");
    }

    private List<string> Run(bool ours)
    {
        var (name, other) = (ceph.NewName(), ceph.NewName());
        return [.. Session.Select(words =>
        {
            var arguments = words[1..].Select(word => word.Replace("{rbd}", ceph.FileName(name))
                .Replace("{other}", ceph.FileName(other)).Replace("{snapshot}", ceph.FileName(name + "@one"))
                .Replace("{raw}", $"driver=raw,file.driver=rbd,file.pool=rbd,file.image={name},file.conf={ceph.Configuration}")
                .Replace("{name}", name).Replace("{conf}", ceph.Configuration)).ToArray();
            var (code, said, error) = ceph.TryRun(ours ? Ours(words[0]) : words[0], arguments);
            var all = (said + CephsLog().Replace(error, "")).Replace(other, "OTHER").Replace(name, "NAME");
            return $"{string.Join(' ', words)}\n{code}\n{all}";
        })];
    }

    /// <summary>librbd's own lines on QEMU's standard error, with an empty one behind each.</summary>
    [GeneratedRegex(@"^\d{4}-\d\d-\d\dT.*\n+", RegexOptions.Multiline)]
    private static partial Regex CephsLog();
}
