// SPDX-License-Identifier: MIT
using Microsoft.Extensions.Logging;

namespace BlockHost.Logging;

/// <summary>
/// The program's loggers: one line for each entry, to a file or to standard error. Written here rather than taken from
/// Microsoft.Extensions.Logging, whose options and configuration cost a tool more time at start than its work takes.
/// </summary>
internal sealed class HostLoggers(LogOptions options, TimeProvider clock, Action<ReadOnlySpan<byte>> write) : ILoggerFactory
{
    private readonly LogCategoryFilter _filter = new(options);

    public ILogger CreateLogger(string categoryName) => new Logger(this, categoryName, _filter.LowestOf(categoryName));

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException("The program has one log");

    public void Dispose()
    {
        // What is written to is its owner's.
    }

    private void Write(LogEntry entry) => write(options.Json ? entry.ToJson() : entry.ToText());

    private sealed class Logger(HostLoggers loggers, string category, LogLevel lowest) : ILogger
    {
        public bool IsEnabled(LogLevel logLevel) => logLevel >= lowest && logLevel != LogLevel.None;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
            {
                loggers.Write(new LogEntry(loggers.Now(), logLevel, category, eventId.Name, formatter(state, exception), exception)
                {
                    Values = state as IReadOnlyList<KeyValuePair<string, object?>> ?? [],
                });
            }
        }
    }

    private DateTimeOffset Now() => clock.GetUtcNow();
}
