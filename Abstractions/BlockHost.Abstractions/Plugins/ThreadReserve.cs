// SPDX-License-Identifier: MIT
using System.Runtime.CompilerServices;

namespace BlockHost.Plugins;

/// <summary>Threads that never end. One that has nothing to do holds no reference to what it did before.</summary>
internal sealed class ThreadReserve
{
    private const string RestingName = "blockhost-rest";

    private readonly Lock _gate = new();
    private readonly Stack<Member> _resting = new();
    private int _count;

    /// <summary>Threads that rest or work.</summary>
    public int Count => Volatile.Read(ref _count);

    public int Resting
    {
        get
        {
            lock (_gate)
                return _resting.Count;
        }
    }

    public void Start(string name, Action work)
    {
        Member? member;
        lock (_gate)
            _resting.TryPop(out member);
        if (member is not null)
        {
            member.Assign(name, work);
            return;
        }

        member = new Member(this);
        member.Assign(name, work);
        Interlocked.Increment(ref _count);
        new Thread(member.Live) { IsBackground = true }.UnsafeStart();
    }

    private void Rest(Member member)
    {
        lock (_gate)
            _resting.Push(member);
    }

    private sealed class Member(ThreadReserve reserve)
    {
        private readonly SemaphoreSlim _assigned = new(0);
        private string _name = RestingName;
        private Action? _work;

        /// <summary>Called for a member that does not rest: nobody else has it.</summary>
        public void Assign(string name, Action work)
        {
            _name = name;
            _work = work;
            _assigned.Release();
        }

        public void Live()
        {
            var clean = ExecutionContext.Capture()!;
            while (true)
            {
                _assigned.Wait();
                Work(clean);
                Thread.CurrentThread.Name = RestingName;
                reserve.Rest(this);
            }
        }

        /// <summary>Apart and not inlined: no local of the resting thread may refer to a plugin.</summary>
        [MethodImpl(MethodImplOptions.NoInlining)]
        private void Work(ExecutionContext clean)
        {
            Thread.CurrentThread.Name = _name;
            var work = _work!;
            _work = null;
            // What the work leaves in its context goes with it.
            ExecutionContext.Run(clean, static state => ((Action)state!)(), work);
        }
    }
}
