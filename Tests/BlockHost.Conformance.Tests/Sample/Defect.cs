// SPDX-License-Identifier: MIT
namespace BlockHost.Conformance.Tests.Sample;

/// <summary>One fault each, of the kind that drivers have.</summary>
public enum Defect
{
    None,

    /// <summary>Every segment of a vector is read from the request's offset.</summary>
    IgnoresSegmentOffsets,

    /// <summary>A cancelled request completes while the child still uses its buffer.</summary>
    KeepsBufferAfterCancel,

    /// <summary>The bounce buffer of a failed write is not returned.</summary>
    LeaksBufferOnError,

    /// <summary>Flush is answered and not passed on.</summary>
    FlushIsALie,

    /// <summary>Writes the child some time after the node is closed.</summary>
    WritesAfterClose,

    /// <summary>All requests share one scratch buffer, and the driver says it is parallel.</summary>
    SharesScratch,

    /// <summary>Data is reported as zero.</summary>
    StatusLies,

    /// <summary>Yank waits for requests in flight.</summary>
    YankBlocks,

    /// <summary>Each read makes an array.</summary>
    Allocates,

    /// <summary>A timer reads the child also while the node is drained.</summary>
    IgnoresDrain,

    /// <summary>Marks the header on open, also of a read-only image.</summary>
    MarksReadOnlyImage,

    /// <summary>A failed write is reported as done.</summary>
    SwallowsErrors,

    /// <summary>A child's failure comes out as another exception type.</summary>
    ThrowsForeignException,

    /// <summary>The node allows more at a time than its driver.</summary>
    WidensConcurrency,

    /// <summary>Options take any member.</summary>
    SwallowsOptions,

    /// <summary>Writes go past the end of the image's own data by one byte.</summary>
    Overruns,
}
