// SPDX-License-Identifier: MIT
using BlockHost.Core.Jobs;

namespace BlockHost.Jobs.Tests;

/// <summary>The tables of states and verbs, cell by cell, against a list of what is allowed.</summary>
public sealed class TableTests
{
    private static readonly Dictionary<JobStatus, JobStatus[]> Next = new()
    {
        [JobStatus.Undefined] = [JobStatus.Created],
        [JobStatus.Created] = [JobStatus.Running, JobStatus.Aborting, JobStatus.Null],
        [JobStatus.Running] = [JobStatus.Paused, JobStatus.Ready, JobStatus.Waiting, JobStatus.Aborting],
        [JobStatus.Paused] = [JobStatus.Running],
        [JobStatus.Ready] = [JobStatus.Standby, JobStatus.Waiting, JobStatus.Aborting],
        [JobStatus.Standby] = [JobStatus.Ready],
        [JobStatus.Waiting] = [JobStatus.Pending, JobStatus.Aborting],
        [JobStatus.Pending] = [JobStatus.Aborting, JobStatus.Concluded],
        [JobStatus.Aborting] = [JobStatus.Aborting, JobStatus.Concluded],
        [JobStatus.Concluded] = [JobStatus.Null],
        [JobStatus.Null] = [],
    };

    private static readonly Dictionary<JobVerb, JobStatus[]> Accepted = new()
    {
        [JobVerb.Cancel] = [
            JobStatus.Created, JobStatus.Running, JobStatus.Paused, JobStatus.Ready, JobStatus.Standby, JobStatus.Waiting,
            JobStatus.Pending],
        [JobVerb.Pause] = [JobStatus.Created, JobStatus.Running, JobStatus.Paused, JobStatus.Ready, JobStatus.Standby],
        [JobVerb.Resume] = [JobStatus.Created, JobStatus.Running, JobStatus.Paused, JobStatus.Ready, JobStatus.Standby],
        [JobVerb.SetSpeed] = [JobStatus.Created, JobStatus.Running, JobStatus.Paused, JobStatus.Ready, JobStatus.Standby],
        [JobVerb.Complete] = [JobStatus.Ready, JobStatus.Standby],
        [JobVerb.Finalize] = [JobStatus.Pending],
        [JobVerb.Dismiss] = [JobStatus.Concluded],
    };

    public static TheoryData<JobStatus, JobStatus> Transitions()
    {
        var cells = new TheoryData<JobStatus, JobStatus>();
        foreach (var from in Enum.GetValues<JobStatus>())
        {
            foreach (var to in Enum.GetValues<JobStatus>())
                cells.Add(from, to);
        }

        return cells;
    }

    public static TheoryData<JobStatus, JobVerb> Verbs()
    {
        var cells = new TheoryData<JobStatus, JobVerb>();
        foreach (var status in Enum.GetValues<JobStatus>())
        {
            foreach (var verb in Enum.GetValues<JobVerb>())
                cells.Add(status, verb);
        }

        return cells;
    }

    [Theory]
    [MemberData(nameof(Transitions))]
    public void A_job_goes_only_where_the_table_lets_it(JobStatus from, JobStatus to) =>
        Assert.Equal(Next[from].Contains(to), JobTables.Allows(from, to));

    [Theory]
    [MemberData(nameof(Verbs))]
    public void A_verb_is_accepted_where_the_table_says_so(JobStatus status, JobVerb verb) =>
        Assert.Equal(Accepted[verb].Contains(status), JobTables.Allows(status, verb));
}
