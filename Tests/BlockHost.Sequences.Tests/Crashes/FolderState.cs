// SPDX-License-Identifier: MIT
using BlockHost.Sequences.Tests.Watched;

namespace BlockHost.Sequences.Tests.Crashes;

/// <summary>The files of a folder, as they are or would be.</summary>
internal sealed class FolderState
{
    private const int Sector = 512;
    private readonly Dictionary<string, byte[]> _files;

    private FolderState(Dictionary<string, byte[]> files) => _files = files;

    public static FolderState Of(string folder) =>
        new(Directory.EnumerateFiles(folder).ToDictionary(path => path, File.ReadAllBytes, StringComparer.Ordinal));

    public FolderState Clone() =>
        new(_files.ToDictionary(file => file.Key, file => (byte[])file.Value.Clone(), StringComparer.Ordinal));

    public void Apply(FileOperation operation)
    {
        switch (operation.Work)
        {
            case FileWork.Write:
                Span(operation, grow: true).Clear();
                operation.Data!.CopyTo(Span(operation, grow: true));
                break;
            case FileWork.Zeroes:
                Span(operation, grow: true).Clear();
                break;
            case FileWork.Discard:
                Span(operation, grow: false).Clear();
                break;
            case FileWork.Create:
                _files[operation.Path] = new byte[operation.Bytes];
                break;
            case FileWork.Resize:
                Resize(operation.Path, operation.Bytes);
                break;
        }
    }

    /// <summary>Some of a write's sectors, as a power cut leaves it.</summary>
    public void Tear(FileOperation operation, Random random)
    {
        var first = operation.Offset / Sector;
        var last = (operation.Offset + operation.Bytes - 1) / Sector;
        var fromStart = random.Next(2) == 0;
        var cut = random.NextInt64(last - first + 1);
        for (var sector = first; sector <= last; sector++)
        {
            if (fromStart ? sector - first >= cut : random.Next(2) == 0)
                continue;
            var from = Math.Max(sector * Sector, operation.Offset);
            var to = Math.Min((sector + 1) * Sector, operation.Offset + operation.Bytes);
            var data = operation.Data![(int)(from - operation.Offset)..(int)(to - operation.Offset)];
            Apply(operation with { Offset = from, Bytes = to - from, Data = data });
        }
    }

    public void Save(string folder)
    {
        foreach (var other in Directory.EnumerateFiles(folder))
            File.Delete(other);
        foreach (var (path, bytes) in _files)
            File.WriteAllBytes(Path.Combine(folder, Path.GetFileName(path)), bytes);
    }

    public bool Equals(FolderState other) =>
        _files.Count == other._files.Count && _files.All(
            file => other._files.TryGetValue(file.Key, out var bytes) && file.Value.AsSpan().SequenceEqual(bytes));

    private Span<byte> Span(FileOperation operation, bool grow)
    {
        var end = operation.Offset + operation.Bytes;
        var length = LengthOf(operation.Path);
        if (grow && length < end)
            Resize(operation.Path, end);
        end = Math.Min(end, LengthOf(operation.Path));
        return _files[operation.Path].AsSpan((int)Math.Min(operation.Offset, end)..(int)end);
    }

    private int LengthOf(string path) => _files.TryGetValue(path, out var bytes) ? bytes.Length : 0;

    private void Resize(string path, long length)
    {
        var bytes = _files.GetValueOrDefault(path) ?? [];
        Array.Resize(ref bytes, (int)length);
        _files[path] = bytes;
    }
}
