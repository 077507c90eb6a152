// SPDX-License-Identifier: MIT
using BlockHost.Conformance.TestHost;

namespace BlockHost.Block.Luks.Tests;

/// <summary>QEMU reads and writes what we made, we what it made, and cryptsetup takes the passwords of both.</summary>
public sealed class JudgeTests : IDisposable
{
    private const int Size = 300 << 10;

    private readonly string _folder = Directory.CreateTempSubdirectory("luks").FullName;

    public JudgeTests() => File.WriteAllText(Path.Combine(_folder, "first"), "first");

    public static TheoryData<string, string, string, string> Matrix => new()
    {
        { "aes-256", "xts", "plain64", "sha256" },
        { "aes-192", "xts", "plain64", "sha1" },
        { "aes-128", "xts", "plain", "sha512" },
        { "aes-256", "cbc", "plain64", "sha384" },
        { "aes-128", "cbc", "plain", "sha256" },
        { "aes-256", "cbc", "essiv", "sha256" },
        { "aes-128", "ctr", "plain64", "sha1" },
        { "aes-256", "ecb", "plain64", "md5" },
        { "aes-256", "xts", "essiv", "sha1" },
    };

    [SkippableTheory]
    [MemberData(nameof(Matrix))]
    public async Task QEMU_reads_and_writes_what_we_made(string algorithm, string mode, string generator, string hash)
    {
        Skip.IfNot(Qemu.IsInstalled, "needs qemu-img");
        var image = new MemoryImage();
        await LuksBed.CreateAsync(new MemoryChild(image), new()
        {
            ["file"] = "file",
            ["size"] = Size,
            ["key-secret"] = "first",
            ["iter-time"] = 0,
            ["cipher-alg"] = algorithm,
            ["cipher-mode"] = mode,
            ["ivgen-alg"] = generator,
            ["hash-alg"] = hash,
        });
        await using (var node = await LuksBed.OpenAsync(image))
            await Disk.WriteAsync(node, 1024, 200_192, 5);
        await Qemu.SaveAsync(image, Path.Combine(_folder, "a.luks"));
        RunQemuIo("read -P 5 1024 200192", "write -P 6 4096 65536");
        AskCryptsetup(algorithm, mode, generator);
        await AssertReadsAsync(6, 4096, 65536);
    }

    /// <summary>QEMU measures for seconds how fast the processor is, for each: BLOCKHOST_LUKS_MATRIX is how many.</summary>
    public static IEnumerable<object[]> QemuMade => Matrix
        .OrderByDescending(row => row is ["aes-256", "xts", "plain64", _] or ["aes-256", "cbc", "essiv", _])
        .Take(SearchSize.Of("BLOCKHOST_LUKS_MATRIX", 2));

    [SkippableTheory]
    [MemberData(nameof(QemuMade))]
    public async Task We_read_and_write_what_QEMU_made(string algorithm, string mode, string generator, string hash)
    {
        Skip.IfNot(Qemu.IsInstalled, "needs qemu-img");
        var options = $"key-secret=s,iter-time=1,cipher-alg={algorithm},cipher-mode={mode}"
            + $",ivgen-alg={generator},hash-alg={hash}";
        var (code, output) = Qemu.Run(
            _folder, "qemu-img", "create", "-f", "luks", "--object", "secret,id=s,file=first", "-o", options, "a.luks",
            $"{Size}");
        Assert.True(code == 0, output);
        RunQemuIo("write -P 8 512 100000");
        var image = await AssertReadsAsync(8, 512, 100_000);
        await using (var node = await LuksBed.OpenAsync(image))
            await Disk.WriteAsync(node, 2048, 512, 4);
        await Qemu.SaveAsync(image, Path.Combine(_folder, "a.luks"));
        RunQemuIo("read -P 4 2048 512", "read -P 8 2560 97440");
    }

    [SkippableTheory]
    [InlineData("aes-xts-plain64", "512", "sha256")]
    [InlineData("aes-cbc-essiv:sha256", "256", "sha1")]
    [InlineData("aes-cbc-plain64", "192", "sha512")]
    public async Task We_open_what_cryptsetup_made(string cipher, string bits, string hash)
    {
        Skip.IfNot(Cryptsetup is not null, "needs cryptsetup");
        var path = Path.Combine(_folder, "a.luks");
        await File.WriteAllBytesAsync(path, new byte[3 << 20]);
        var (code, output) = Qemu.Run(
            _folder, Cryptsetup!, "-q", "luksFormat", "--type", "luks1", "--pbkdf-force-iterations", "1000",
            "-c", cipher, "-s", bits, "-h", hash, "--key-file", "first", "a.luks");
        Assert.True(code == 0, output);
        var image = new MemoryImage(await File.ReadAllBytesAsync(path));
        await using (var node = await LuksBed.OpenAsync(image))
        {
            Assert.True(node.Profile.Length > 0);
            await LuksBed.AmendAsync(node, new Dictionary<string, object>
            { ["state"] = "active", ["new-secret"] = "second", ["iter-time"] = 0 });
            await LuksBed.AmendAsync(node, new Dictionary<string, object> { ["state"] = "inactive", ["keyslot"] = 0 });
        }

        await Qemu.SaveAsync(image, path);
        await File.WriteAllTextAsync(Path.Combine(_folder, "second"), "second");
        Assert.Equal(0, TestPassword("second"));
        Assert.NotEqual(0, TestPassword("first"));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>Debian has it where only root looks.</summary>
    private static string? Cryptsetup => InstalledPrograms.Find("cryptsetup")
        ?? (File.Exists("/usr/sbin/cryptsetup") ? "/usr/sbin/cryptsetup" : null);

    private void RunQemuIo(params string[] commands)
    {
        var (code, output) = Qemu.Run(
            _folder, "qemu-io",
            ["--object", "secret,id=s,file=first",
                "--image-opts", "driver=luks,key-secret=s,file.driver=file,file.filename=a.luks",
                .. commands.SelectMany(command => new[] { "-c", command })]);
        Assert.True(code == 0 && !output.Contains("failed", StringComparison.Ordinal), output);
    }

    /// <summary>It has less than QEMU: no AES-192 with XTS, no essiv without its hash.</summary>
    private void AskCryptsetup(string algorithm, string mode, string generator)
    {
        if (Cryptsetup is not null
            && mode is "xts" or "cbc"
            && (algorithm, mode) != ("aes-192", "xts")
            && generator != "essiv")
            Assert.Equal(0, TestPassword("first"));
    }

    private int TestPassword(string file) =>
        Qemu.Run(_folder, Cryptsetup!, "open", "--test-passphrase", "--key-file", file, "a.luks", "x").ExitCode;

    private async Task<MemoryImage> AssertReadsAsync(byte value, int at, int bytes)
    {
        var image = new MemoryImage(await File.ReadAllBytesAsync(Path.Combine(_folder, "a.luks")));
        await using var node = await LuksBed.OpenAsync(image, readOnly: true);
        var content = await Disk.ReadAllAsync(node);
        Assert.Equal(Size, content.Length);
        Assert.True(content.AsSpan(at, bytes).IndexOfAnyExcept(value) < 0);
        return image;
    }
}
