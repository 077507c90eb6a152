// SPDX-License-Identifier: MIT
namespace BlockHost.Sequences.Tests.Relays;

/// <summary>A format, one of its layouts, and what programs can do with its images.</summary>
/// <param name="Name">Of the layout, among the tests.</param>
/// <param name="Options">The value of -o for a new image; empty: none.</param>
internal sealed record Layout(string Name, string Format, Func<Random, string> Options)
{
    /// <summary>Which sizes are tried: up to so many sectors.</summary>
    public int MaxSectors { get; init; } = 8192;

    public Means Grow { get; init; }

    public Means Shrink { get; init; }

    /// <summary>Growing hides the end of a longer backing file.</summary>
    public Means HideBacking { get; init; } = Means.Both;

    /// <summary>The size is what the format makes of it.</summary>
    public bool RoundsSizes { get; init; }

    public Means Reopen { get; init; } = Means.Both;

    /// <summary>Space that is not used any more stays lost: the format has no list of what is free.</summary>
    public bool KeepsLeaks { get; init; }

    /// <summary>QEMU's shows the backing file through zeroes when it writes beside them.</summary>
    public bool LosesZeroes { get; init; }

    public Means Repair { get; init; }

    public bool HasBacking { get; init; }

    /// <summary>The backing file must be of the same format.</summary>
    public bool OwnBackingOnly { get; init; }

    /// <summary>An image's record of its backing file can be changed.</summary>
    public bool CanRebase { get; init; }

    /// <summary>Compressed writes beside others.</summary>
    public bool CanCompress { get; init; }

    /// <summary>The option that names the secret an image is opened with; empty: it is not encrypted.</summary>
    public string SecretOption { get; init; } = "";

    /// <summary>What of "-o" its key slots are amended with; null: it has none.</summary>
    public string? SlotPrefix { get; init; }

    /// <summary>What was never written is not zeroes but whatever it decrypts to.</summary>
    public bool IsNoise { get; init; }

    public bool IsEncrypted => SecretOption.Length > 0;

    /// <summary>Written once, compressed, from beginning to end.</summary>
    public bool IsStream { get; init; }

    /// <summary>Snapshots, bitmaps and amend.</summary>
    public bool IsQcow2 => Format == "qcow2";

    private static readonly string[] Ciphers = ["aes-128", "aes-256"];

    private static readonly string[] LuksModes =
        ["cipher-mode=xts", "cipher-mode=cbc", "cipher-mode=cbc,ivgen-alg=essiv,ivgen-hash-alg=sha256", "cipher-mode=ctr"];

    public static IReadOnlyList<Layout> All { get; } =
    [
        new("raw", "raw", _ => "") { Grow = Means.Both, Shrink = Means.Both },
        Qcow2("qcow2", random => $"compat=1.1,cluster_size={1 << random.Next(9, 17)},refcount_bits={1 << random.Next(3, 7)}"
            + (random.Next(3) == 0 ? ",lazy_refcounts=on" : "") + (random.Next(3) == 0 ? ",compression_type=zstd" : "")),
        Qcow2("qcow2-subclusters", random => $"extended_l2=on,cluster_size={1 << random.Next(14, 17)}"),
        Qcow2("qcow2-old", random => $"compat=0.10,cluster_size={1 << random.Next(9, 17)}")
            with { HideBacking = Means.None },
        new("qcow", "qcow", _ => "")
        {
            Grow = Means.Ours,
            Shrink = Means.Ours,
            HideBacking = Means.Ours,
            Repair = Means.Ours,
            HasBacking = true,
            KeepsLeaks = true,
        },
        new("qed", "qed", random => $"cluster_size={1 << random.Next(12, 17)},table_size={1 << random.Next(1, 4)}")
        { Grow = Means.Both, HideBacking = Means.None, Repair = Means.Both, HasBacking = true, LosesZeroes = true },
        Vmdk("monolithicSparse", ""),
        Vmdk("monolithicSparse", ",zeroed_grain=on"),
        Vmdk("monolithicFlat", ""),
        Vmdk("twoGbMaxExtentSparse", ""),
        Vmdk("twoGbMaxExtentFlat", ""),
        Vmdk("streamOptimized", "") with { IsStream = true, HasBacking = false },
        new("vdi", "vdi", _ => "static=off") { Grow = Means.Ours, Shrink = Means.Ours, Repair = Means.Ours },
        new("vdi-static", "vdi", _ => "static=on") { Grow = Means.Ours, Shrink = Means.Ours, Repair = Means.Ours },
        Vpc("dynamic", ",force_size=on"),
        Vpc("fixed", ",force_size=on"),
        Vpc("dynamic", "") with { RoundsSizes = true },
        Vhdx("dynamic", ""),
        Vhdx("dynamic", ",block_state_zero=off"),
        Vhdx("fixed", ""),
        new("parallels", "parallels", random => $"cluster_size={1 << random.Next(13, 21)}")
        { Grow = Means.Ours, Shrink = Means.Ours, Repair = Means.Both, Reopen = Means.Ours },
        new("qcow-aes", "qcow", _ => $"encrypt.format=aes,encrypt.key-secret={Secret}")
        {
            Grow = Means.Ours,
            Shrink = Means.Ours,
            HideBacking = Means.Ours,
            Repair = Means.Ours,
            HasBacking = true,
            KeepsLeaks = true,
            SecretOption = "encrypt.key-secret",
        },
        new(
            "luks",
            "luks",
            random => $"key-secret={Secret},iter-time=1,cipher-alg={Pick(random, Ciphers)},{Pick(random, LuksModes)}")
        { Grow = Means.Both, Shrink = Means.Both, SecretOption = "key-secret", SlotPrefix = "", IsNoise = true },
        Qcow2(
            "qcow2-luks",
            random => $"encrypt.format=luks,encrypt.key-secret={Secret},encrypt.iter-time=1"
                + $",encrypt.cipher-alg={Pick(random, Ciphers)}"
                + (random.Next(3) == 0 ? ",extended_l2=on" : $",cluster_size={1 << random.Next(9, 17)}"))
            with { CanCompress = false, SecretOption = "encrypt.key-secret", SlotPrefix = "encrypt." },
        Qcow2(
            "qcow2-aes",
            random => $"cluster_size={1 << random.Next(9, 17)},encrypt.format=aes,encrypt.key-secret={Secret}")
            with { CanCompress = false, SecretOption = "encrypt.key-secret" },
    ];

    /// <summary>The password that always opens an encrypted image.</summary>
    private const string Secret = "first";

    /// <summary>The one that comes and goes.</summary>
    public const string SecondSecret = "second";

    /// <summary>How a command names an image: where there are secrets, with the one that opens it.</summary>
    public string Locator(string name, string format, string secret = Secret)
    {
        if (!IsEncrypted)
            return name;
        var key = format == Format ? $"\"{SecretOption}\":\"{secret}\"," : "";
        return $"json:{{\"driver\":\"{format}\",{key}\"file.filename\":\"{name}\"}}";
    }

    /// <summary>A command's arguments, with the secrets that it needs.</summary>
    public IReadOnlyList<string> WithSecrets(string program, IReadOnlyList<string> args)
    {
        if (!IsEncrypted)
            return args;
        var command = program == "qemu-img" ? 1 : 0;
        string[] secrets = ["--object", $"secret,id={Secret},data=abc", "--object", $"secret,id={SecondSecret},data=xyz"];
        return [.. args.Take(command), .. secrets, .. args.Skip(command)];
    }

    private static string Pick(Random random, string[] values) => values[random.Next(values.Length)];

    private static Layout Qcow2(string name, Func<Random, string> options) => new(name, "qcow2", options)
    { Grow = Means.Both, Shrink = Means.Both, Repair = Means.Both, HasBacking = true, CanRebase = true, CanCompress = true };

    private static Layout Vmdk(string subformat, string more) =>
        new($"vmdk-{subformat}{more}", "vmdk", _ => $"subformat={subformat}{more}")
        { HasBacking = subformat == "monolithicSparse", OwnBackingOnly = true };

    private static Layout Vpc(string subformat, string more) =>
        new($"vpc-{subformat}{more}", "vpc", _ => $"subformat={subformat}{more}") { Grow = Means.Ours, Shrink = Means.Ours };

    private static Layout Vhdx(string subformat, string more) =>
        new($"vhdx-{subformat}{more}", "vhdx", random => $"subformat={subformat},block_size={1 << random.Next(20, 23)}{more}")
        { Grow = Means.Ours, Shrink = Means.Ours, Repair = Means.Both };
}

/// <summary>Which programs can do something.</summary>
internal enum Means
{
    None,
    Ours,
    Both,
}
