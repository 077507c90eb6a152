// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.File.Engines;

/// <summary>
/// Does the reads and writes that may have to wait for a disk. What the page cache can answer at once never comes
/// here: <see cref="DataPath"/> does it on the caller's thread.
/// </summary>
internal interface IFileEngine : IAsyncDisposable
{
    /// <summary>
    /// Starts a prepared read or write; the request completes itself, from any thread, perhaps before this returns.
    /// </summary>
    void Submit(FileRequest request);
}
