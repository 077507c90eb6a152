// SPDX-License-Identifier: MIT
using BlockHost.Block;
using BlockHost.Conformance.TestHost;

namespace BlockHost.Conformance.Execution;

/// <summary>The children of one session: memory below, then failures, gate and recorder.</summary>
internal sealed class ChildSet
{
    public ChildSet(SubjectImage image, SessionOptions options, bool readOnly)
    {
        foreach (var (name, child) in image.Children)
        {
            var memory = new MemoryChild(child.Image, name, child.Role) { ReadOnly = child.ReadOnly || readOnly };
            Memory.Add(memory);
            Tops.Add(name, options.Bare ? memory : Stack(memory, options.Failures));
        }
    }

    public List<MemoryChild> Memory { get; } = [];

    public List<GatedChild> Gates { get; } = [];

    public List<RecordingChild> Recorders { get; } = [];

    /// <summary>What the driver opens, by option name.</summary>
    public Dictionary<string, IBlockChild> Tops { get; } = [];

    private RecordingChild Stack(IBlockChild child, FailurePlan? failures)
    {
        if (failures is not null)
            child = new FailingChild(child, failures);
        var gate = new GatedChild(child);
        Gates.Add(gate);
        var recorder = new RecordingChild(gate);
        Recorders.Add(recorder);
        return recorder;
    }
}
