// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Conformance.TestHost;
using BlockHost.Plugins.Block.Luks;

namespace BlockHost.Block.Luks.Tests;

/// <summary>
/// Damaged headers and key material: what QEMU opens and reads with the password we do, and what it refuses we refuse in its
/// words. BLOCKHOST_MUTANTS is how many of each kind are tried.
/// </summary>
public sealed class MutantTests : IDisposable
{
    private const int MostIterations = 200_000;

    private static readonly FormatBed Images = new(new LuksPlugin(), "luks") { SecretOption = "key-secret" };

    private readonly string _folder = Directory.CreateTempSubdirectory("luks").FullName;

    [SkippableTheory]
    [InlineData("texts", 6, 104)]
    [InlineData("numbers", 104, 168)]
    [InlineData("slots", 208, 304)]
    [InlineData("key material", 4096, 4096 + 64_000)]
    public async Task Damage_is_read_as_QEMU_reads_it_or_refused(string what, int from, int to)
    {
        Skip.IfNot(Qemu.IsInstalled, "needs qemu-img");
        var whole = await Images.CreateAsync(
            ("size", 64 << 10), ("key-secret", "s"), ("cipher-alg", "aes-128"), ("cipher-mode", "cbc"), ("iter-time", 0));
        var exam = new ReaderExam(Images, _folder, IsOurs);
        for (var seed = 0; seed < Mutants.Count; seed++)
        {
            var mutant = whole.Clone();
            foreach (var (at, value) in Mutants.Damage(seed, from, to))
                mutant.Write(at, new[] { value });
            if (!TakesLong(mutant))
                await exam.CompareAsync(mutant, $"{what} seed {seed}");
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>What asks for weeks of work is refused here alone; <see cref="HeaderTests"/> sees to that.</summary>
    private static bool TakesLong(MemoryImage image)
    {
        var fields = new[] { 164 }.Concat(Enumerable.Range(0, 8).Select(slot => 212 + (48 * slot)));
        return fields.Any(at => BinaryPrimitives.ReadUInt32BigEndian(image.Read(at, 4)) > MostIterations);
    }

    /// <summary>QEMU's arithmetic of places has 32 bits.</summary>
    private static bool IsOurs(string message) =>
        message.Contains("overlapping with the encrypted payload", StringComparison.Ordinal);
}
