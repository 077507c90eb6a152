// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.File.Engines;

/// <summary>aio=threads: plain system calls on worker threads.</summary>
internal sealed class ThreadsEngine(WorkerPool workers) : IFileEngine
{
    public void Submit(FileRequest request) => workers.Enqueue(request);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
