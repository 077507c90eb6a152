// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Conformance.Tests.Sample;

internal static class SampleSubject
{
    private const int Length = 1024 * 1024 + 512;

    public static BlockDriverSubject With(Defect defect) => new()
    {
        Name = $"sample, {defect}",
        Driver = new SampleDriver(defect),
        CreateImage = _ => new(new SubjectImage
        {
            Options = JsonDocument.Parse("""{"file":"file"}""").RootElement,
            Length = Length,
            Children = new Dictionary<string, SubjectChild>
            {
                ["file"] = new(
                new MemoryImage(SampleDriver.HeaderLength + Length))
            },
        }),
    };
}
