// SPDX-License-Identifier: MIT
using BlockHost.Nbd;

namespace BlockHost.Block.Nbd.Tests.Fakes;

/// <summary>How a <see cref="MemoryServer"/> differs from an ordinary one.</summary>
internal sealed class ServerHabits
{
    private readonly TaskCompletionSource _goOn = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _silent;

    public TransmissionFlags Flags { get; set; } = TransmissionFlags.HasFlags | TransmissionFlags.SendFlush
        | TransmissionFlags.SendFua
        | TransmissionFlags.SendTrim | TransmissionFlags.SendWriteZeroes | TransmissionFlags.SendFastZero;

    public NbdBlockSizes? BlockSizes { get; set; } = new(1, 4096, 1 << 20);

    public bool StructuredReplies { get; set; } = true;

    /// <summary>The one metadata context it has.</summary>
    public string? Context { get; set; } = "base:allocation";

    /// <summary>Sends these bytes in place of the greeting, and no more.</summary>
    public byte[]? Greeting { get; set; }

    /// <summary>Answers an option with these bytes; null: as usual.</summary>
    public Func<NbdOption, byte[]?> AnswersOption { get; set; } = _ => null;

    /// <summary>Answers a request with these bytes; null: as usual.</summary>
    public Func<NbdRequest, byte[]?> AnswersRequest { get; set; } = _ => null;

    /// <summary>Closes the connection behind its answer.</summary>
    public Func<NbdRequest, bool> LeavesAfter { get; set; } = _ => false;

    /// <summary>What it was asked for, in order.</summary>
    public List<NbdRequest> Requests { get; } = [];

    /// <summary>From now on it takes connections and requests, and answers nothing.</summary>
    public void FallSilent() => _silent = true;

    public void GoOn() => _goOn.TrySetResult();

    public Task MayAnswerAsync() => _silent ? _goOn.Task : Task.CompletedTask;
}
