// SPDX-License-Identifier: MIT
using System.Text.Json;
using BlockHost.Block;
using BlockHost.Plugins;
using BlockHost.Qmp;

namespace BlockHost.Images;

/// <summary>Errors a tool reports in one line, and errno as C prints it.</summary>
internal static class ImageErrors
{
    public static bool IsExpected(Exception e) =>
        e is BlockException or QmpException or PluginException or IOException or JsonException;

    public static string? HintOf(Exception e) => (e as BlockException)?.Hint ?? (e as QmpException)?.Hint;

    /// <summary>The option at fault, where it is one.</summary>
    public static ParameterFault? ParameterOf(Exception e) => (e as BlockException)?.Parameter ?? (e as QmpException)?.Parameter;

    /// <summary>C's strerror.</summary>
    public static string Text(int errno) => ErrnoText.Of(errno);
}
