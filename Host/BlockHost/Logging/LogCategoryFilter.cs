// SPDX-License-Identifier: MIT
using System.IO.Enumeration;
using Microsoft.Extensions.Logging;

namespace BlockHost.Logging;

/// <summary>
/// The lowest level that each category logs. QEMU's trace patterns are globs over names with underscores; here they select
/// categories, with '_', '-', '.' and '/' meaning the same: <c>block_qcow2*</c> is the plugin <c>block.qcow2</c>.
/// </summary>
internal sealed class LogCategoryFilter(LogOptions options)
{
    public LogLevel LowestOf(string category)
    {
        var traced = false;
        foreach (var pattern in options.Traced)
        {
            var isOff = pattern.StartsWith('-');
            if (Selects(isOff ? pattern[1..] : pattern, category))
                traced = !isOff;
        }

        return traced ? LogLevel.Trace : options.EffectiveLevel;
    }

    public static bool Selects(string pattern, string category) =>
        FileSystemName.MatchesSimpleExpression(EventName(pattern), EventName(category), ignoreCase: false);

    /// <summary>A category as QEMU would name an event.</summary>
    public static string EventName(string name) => name.Replace('-', '_').Replace('.', '_').Replace('/', '_');
}
