// SPDX-License-Identifier: MIT
using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace BlockHost.Oracle.Tests.Support;

internal sealed record RecordedEntry(string Category, LogLevel Level, string Text, string? Stack);

/// <summary>Keeps all that is logged.</summary>
internal sealed class RecordedLog : ILoggerFactory
{
    public ConcurrentQueue<RecordedEntry> Entries { get; } = [];

    public ILogger CreateLogger(string categoryName) => new Logger(this, categoryName);

    public void AddProvider(ILoggerProvider provider) => throw new NotSupportedException();

    public void Dispose()
    {
    }

    private sealed class Logger(RecordedLog log, string category) : ILogger
    {
        public bool IsEnabled(LogLevel logLevel) => true;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            log.Entries.Enqueue(new RecordedEntry(category, logLevel, formatter(state, exception), exception?.StackTrace));
    }
}
