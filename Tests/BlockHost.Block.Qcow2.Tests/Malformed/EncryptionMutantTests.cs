// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Conformance.TestHost;
using BlockHost.Formats.Testing;
using BlockHost.Plugins.Block.Qcow2;

namespace BlockHost.Block.Qcow2.Tests.Malformed;

/// <summary>
/// Damage to what says how an image is encrypted: what QEMU opens and reads with the password we do, and what it refuses we
/// refuse in its words. BLOCKHOST_MUTANTS is how many of each kind are tried.
/// </summary>
public sealed class EncryptionMutantTests : IDisposable
{
    private const int MostIterations = 200_000;

    /// <summary>Of "numbers": the header says that the disk begins before its key material ends.</summary>
    private const int EarlyPayload = 28;

    private const int ExtensionBytes = 24;
    private const int LuksHeaderBytes = 592;

    private static readonly FormatBed Images = new(new Qcow2Plugin(), "qcow2") { SecretOption = "encrypt.key-secret" };

    private readonly string _folder = Directory.CreateTempSubdirectory("qcow2").FullName;

    [SkippableTheory]
    [InlineData("method")]
    [InlineData("extension")]
    [InlineData("texts")]
    [InlineData("numbers")]
    [InlineData("slots")]
    public async Task Damage_is_read_as_QEMU_reads_it_or_refused(string what)
    {
        Skip.IfNot(Qemu.IsInstalled, "needs qemu-img");
        var whole = await MakeAsync();
        var extension = whole.Read(0, 512).AsSpan().IndexOf((ReadOnlySpan<byte>)[0x05, 0x37, 0xbe, 0x77]);
        var luks = (int)BinaryPrimitives.ReadInt64BigEndian(whole.Read(extension + 8, 8));
        var (from, to) = what switch
        {
            "method" => (32, 36),
            "extension" => (extension, extension + ExtensionBytes),
            "texts" => (luks, luks + 104),
            "numbers" => (luks + 104, luks + 168),
            _ => (luks + 208, luks + LuksHeaderBytes),
        };
        var exam = new ReaderExam(Images, _folder, IsOurs);
        foreach (var seed in Enumerable.Range(0, Mutants.Count).Append(EarlyPayload))
        {
            var mutant = whole.Clone();
            foreach (var (at, value) in Mutants.Damage(seed, from, to))
                mutant.Write(at, new[] { value });
            if (!TakesLong(mutant, luks))
                await exam.CompareAsync(mutant, $"{what} seed {seed}");
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static async Task<MemoryImage> MakeAsync()
    {
        var encrypt = new Dictionary<string, object>
        {
            ["format"] = "luks",
            ["key-secret"] = "s",
            ["cipher-alg"] = "aes-128",
            ["cipher-mode"] = "cbc",
            ["iter-time"] = 0,
        };
        var whole = await Images.CreateAsync(("size", 256 << 10), ("cluster-size", 4096), ("encrypt", encrypt));
        await using var node = await Images.OpenAsync(whole);
        await Disk.WriteAsync(node, 4096, 20_480, 8);
        return whole;
    }

    /// <summary>Of an image whose slots ask for hours of work no password is tried here.</summary>
    private static bool TakesLong(MemoryImage image, int luks)
    {
        var fields = new[] { 164 }.Concat(Enumerable.Range(0, 8).Select(slot => 212 + (48 * slot)));
        return fields.Any(at => BinaryPrimitives.ReadUInt32BigEndian(image.Read(luks + at, 4)) > MostIterations);
    }

    /// <summary>QEMU's arithmetic of places has 32 bits; an extension that swallows others we tell by what follows it.</summary>
    private static bool IsOurs(string message) =>
        message.Contains("overlapping with the encrypted payload", StringComparison.Ordinal)
        || message.Contains("makes no sense", StringComparison.Ordinal)
        || message.Contains("Header extension too large", StringComparison.Ordinal);
}
