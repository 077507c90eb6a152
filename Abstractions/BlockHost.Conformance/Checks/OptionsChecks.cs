// SPDX-License-Identifier: MIT
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Conformance.Execution;

namespace BlockHost.Conformance.Checks;

/// <summary>The driver's options are an object with QAPI names, apart from the members that every node has.</summary>
internal sealed class OptionsSchemaCheck : ConformanceCheck
{
    private static readonly string[] Common =
        ["driver", "node-name", "read-only", "auto-read-only", "discard", "detect-zeroes", "cache", "force-share"];

    public override string Name => CheckNames.OptionsSchema;

    public override Task RunAsync(CheckContext check)
    {
        var driver = check.Subject.Driver;
        Require(IsQapiName(driver.FormatName), $"FormatName '{driver.FormatName}' is not a QAPI name");
        var type = driver.OptionsType;
        Require(type.Kind == JsonTypeInfoKind.Object, $"The options are {type.Kind}, not an object");
        foreach (var name in type.Properties.Where(p => !p.IsExtensionData).Select(p => p.Name))
        {
            Require(!Common.Contains(name), $"Option '{name}' is one of the common members, which are the host's");
            Require(IsQapiName(name), $"Option '{name}' is not a QAPI name (lower case, digits, '-')");
        }

        return Task.CompletedTask;
    }

    private static bool IsQapiName(string name) =>
        name.Length > 0 && name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '-' or '_' or '.')
            && !name.StartsWith('-');
}

/// <summary>What is read from options is written again: no member is lost between the JSON and the record.</summary>
internal sealed class OptionsRoundTripCheck : ConformanceCheck
{
    public override string Name => CheckNames.OptionsRoundTrip;

    public override async Task RunAsync(CheckContext check)
    {
        var image = await check.Subject.CreateImage(check.Cancellation).ConfigureAwait(false);
        await using var _ = image.ConfigureAwait(false);
        var type = check.Subject.Driver.OptionsType;
        var known = type.Properties.Where(p => !p.IsExtensionData).Select(p => p.Name).ToHashSet();
        var once = Rewrite(image.Options, type);
        foreach (var member in image.Options.EnumerateObject())
        {
            Require(known.Contains(member.Name), $"The image's option '{member.Name}' is not in the driver's options type");
            Require(once.TryGetProperty(member.Name, out var value), $"Option '{member.Name}' is lost");
            Require(
                JsonElement.DeepEquals(value, member.Value),
                $"Option '{member.Name}' is {member.Value.GetRawText()}, and {value.GetRawText()} after a round trip");
        }

        Require(JsonElement.DeepEquals(once, Rewrite(once, type)), "The options change with every round trip");
    }

    private static JsonElement Rewrite(JsonElement options, JsonTypeInfo type)
    {
        try
        {
            return JsonSerializer.SerializeToElement(options.Deserialize(type), type);
        }
        catch (Exception e) when (e is JsonException or NotSupportedException)
        {
            throw new CheckFailure($"The options do not fit their type: {e.Message}", e);
        }
    }
}

/// <summary>
/// A member that the driver does not know must not disappear into it: the host refuses what the type does not name.
/// </summary>
internal sealed class OptionsUnknownCheck : ConformanceCheck
{
    public override string Name => CheckNames.OptionsUnknown;

    public override Task RunAsync(CheckContext check)
    {
        var swallowing = check.Subject.Driver.OptionsType.Properties.FirstOrDefault(p => p.IsExtensionData);
        Require(
            swallowing is null, $"Extension data '{swallowing?.Name}' takes any member: a mistyped option would go unnoticed");
        return Task.CompletedTask;
    }
}
