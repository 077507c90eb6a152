// SPDX-License-Identifier: MIT
using System.Diagnostics.CodeAnalysis;
using System.Text.Json.Serialization.Metadata;
using BlockHost.Objects;
using BlockHost.Plugins.Filter.Throttle.Limits;
using BlockHost.Qmp;

namespace BlockHost.Plugins.Filter.Throttle.Group;

/// <summary>The object type "throttle-group".</summary>
internal sealed class ThrottleGroupType : ObjectType<ThrottleGroupOptions>
{
    public override string Name => "throttle-group";

    protected override JsonTypeInfo<ThrottleGroupOptions> TypedOptionsType => ThrottleJson.Default.ThrottleGroupOptions;

    protected override UserObject Create(IObjectContext context, ThrottleGroupOptions options) =>
        new ThrottleGroup(options, context.Host.Clock);
}

/// <summary>Limits that its members keep together.</summary>
internal sealed class ThrottleGroup(ThrottleGroupOptions options, TimeProvider clock)
    : UserObject<ThrottleGroupOptions>(ThrottleJson.Default.ThrottleGroupOptions)
{
    private readonly TurnKeeper _turns = new(First(options), clock);

    protected override ThrottleGroupOptions Properties => ThrottleGroupOptions.Of(_turns.Settings.ToLimits());

    /// <summary>False: the group has been deleted.</summary>
    public bool TryJoin([NotNullWhen(true)] out ThrottleMember? member) => _turns.TryJoin(out member);

    public override bool TryRetire() => _turns.TryRetire();

    public override ValueTask DisposeAsync() => _turns.DisposeAsync();

    protected override bool TryChange(string name, ThrottleGroupOptions changed)
    {
        if (name != "limits")
            throw new QmpException("Property cannot be set after initialization");
        var limits = changed.Limits!;
        CheckLengths(limits, "", "in the range");
        RefuseNegative(limits.IopsSize);
        _turns.Settings = _turns.Settings.With(limits).Checked();
        return true;
    }

    /// <summary>What is given alone goes before what is given together.</summary>
    private static ThrottleSettings First(ThrottleGroupOptions options)
    {
        var single = options.Single();
        foreach (var value in single.Values())
            RefuseNegative(value);
        CheckLengths(single, "x-", "in therange");
        var together = options.Limits ?? new();
        CheckLengths(together, "", "in the range");
        RefuseNegative(together.IopsSize);
        return ThrottleSettings.None.With(together).With(single).Checked();
    }

    private static void RefuseNegative(long? value)
    {
        if (value < 0)
            throw new QmpException("Property values cannot be negative");
    }

    /// <param name="words">QEMU has a blank too few in one of the two.</param>
    private static void CheckLengths(ThrottleLimits limits, string prefix, string words)
    {
        foreach (var (name, value) in limits.Lengths())
        {
            if (value is < 0 or > uint.MaxValue)
                throw new QmpException($"{prefix}{name} value must be {words} [0, {uint.MaxValue}]");
        }
    }
}
