// SPDX-License-Identifier: MIT
namespace Fixture;

/// <summary>Code with a field for each thread, and with many static fields that a mistaken free would hit.</summary>
public static class Probe
{
    private const int Depth = 64;

    [ThreadStatic]
    private static object? _mine;

    public static void TouchThread() => _mine = new object();

    public static void TouchStatics() => _ = Lost();

    /// <summary>Static fields that no longer have what they were given.</summary>
    public static int Lost() => Lost<object>(Depth);

    private static int Lost<T>(int depth)
        where T : class =>
        depth == 0 ? 0 : (Holder<T>.Value is Marker { Mark: Marker.Expected } ? 0 : 1) + Lost<Holder<T>>(depth - 1);

    private sealed class Marker
    {
        public const int Expected = 0x5EED;

        public int Mark { get; } = Expected;
    }

    private sealed class Holder<T>
        where T : class
    {
        public static object Value = new Marker();
    }
}
