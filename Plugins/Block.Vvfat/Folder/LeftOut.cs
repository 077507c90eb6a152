// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Block.Vvfat.Folder;

/// <summary>What of a folder a FAT disk does not show: how much, and the first few by name.</summary>
internal sealed class LeftOut
{
    private const int MostNamed = 5;

    private readonly List<string> _named = [];

    public int Count { get; private set; }

    public void Add(string path, string what, int count)
    {
        Count += count;
        if (_named.Count < MostNamed)
            _named.Add($"'{path}' ({what})");
    }

    public override string ToString() => string.Join(", ", _named) + (Count > _named.Count ? ", …" : "");
}
