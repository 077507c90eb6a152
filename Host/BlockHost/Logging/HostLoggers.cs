// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace BlockHost.Logging;

/// <summary>
/// The program's loggers: one line for each entry, to a file or to standard error. Written here rather than taken from
/// Microsoft.Extensions.Logging, whose options and configuration cost a tool more time at start than its work takes.
/// </summary>
internal sealed class HostLoggers(LogOptions options, TimeProvider clock, Action<ReadOnlySpan<byte>> write) : ILoggerFactory
{
    private readonly LogCategoryFilter _filter = new(options);
    private readonly ConcurrentDictionary<string, Category> _categories = new(StringComparer.Ordinal);

    /// <summary>Categories that something has been, or is to be, logged under.</summary>
    public IEnumerable<string> Categories => _categories.Keys;

    public ILogger CreateLogger(string categoryName) => new Logger(this, Find(categoryName));

    /// <summary>Everything that the category has to say is logged.</summary>
    public bool IsTraced(string category) => Find(category).Lowest == LogLevel.Trace;

    /// <summary>From now on, for loggers that exist as well; off: as it was configured, without what was traced.</summary>
    public void Trace(string category, bool on) => Find(category).Lowest = on ? LogLevel.Trace : options.EffectiveLevel;

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException("The program has one log");

    public void Dispose()
    {
        // What is written to is its owner's.
    }

    private Category Find(string name) =>
        _categories.GetOrAdd(name, static (name, filter) => new(name, filter.LowestOf(name)), _filter);

    private void Write(LogEntry entry) => write(options.Json ? entry.ToJson() : entry.ToText());

    private sealed class Category(string name, LogLevel lowest)
    {
        public string Name => name;

        public volatile LogLevel Lowest = lowest;
    }

    private sealed class Logger(HostLoggers loggers, Category category) : ILogger
    {
        public bool IsEnabled(LogLevel logLevel) => logLevel >= category.Lowest && logLevel != LogLevel.None;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
            {
                loggers.Write(new LogEntry(
                    loggers.Now(), logLevel, category.Name, eventId.Name, formatter(state, exception), exception)
                {
                    Values = state as IReadOnlyList<KeyValuePair<string, object?>> ?? [],
                });
            }
        }
    }

    private DateTimeOffset Now() => clock.GetUtcNow();
}
