// SPDX-License-Identifier: MIT
namespace BlockHost.Posix.Loops;

/// <summary>Reacts to a descriptor, on its loop's thread.</summary>
public interface IEventHandler
{
    void OnEvents(EpollEvents events);
}

/// <summary>Something to be done on a loop's thread.</summary>
public interface ILoopWork
{
    void Run();
}

/// <summary>Work that comes through memory alone. Looked for in every round of its loop, on its thread.</summary>
public interface ILoopPolled
{
    /// <summary>Does what there is to do. False: there was nothing.</summary>
    bool Poll();

    /// <summary>
    /// The loop is about to wait for descriptors: from here on one of them has to tell of new work. False: there is some already.
    /// </summary>
    bool TryRest();
}
