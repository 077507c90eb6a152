// SPDX-License-Identifier: MIT
using BlockHost.Jobs;

namespace BlockHost.Core.Jobs;

/// <summary>What may become of a job, and what may be asked of it, as data.</summary>
public static class JobTables
{
    private static readonly string[] Transitions =
    [
        //                      U  C  R  P  Y  S  W  D  X  E  N
        /* U: Undefined */     "-  x  -  -  -  -  -  -  -  -  -",
        /* C: Created   */     "-  -  x  -  -  -  -  -  x  -  x",
        /* R: Running   */     "-  -  -  x  x  -  x  -  x  -  -",
        /* P: Paused    */     "-  -  x  -  -  -  -  -  -  -  -",
        /* Y: Ready     */     "-  -  -  -  -  x  x  -  x  -  -",
        /* S: Standby   */     "-  -  -  -  x  -  -  -  -  -  -",
        /* W: Waiting   */     "-  -  -  -  -  -  -  x  x  -  -",
        /* D: Pending   */     "-  -  -  -  -  -  -  -  x  x  -",
        /* X: Aborting  */     "-  -  -  -  -  -  -  -  x  x  -",
        /* E: Concluded */     "-  -  -  -  -  -  -  -  -  -  x",
        /* N: Null      */     "-  -  -  -  -  -  -  -  -  -  -",
    ];

    private static readonly string[] Verbs =
    [
        //                      U  C  R  P  Y  S  W  D  X  E  N
        /* Cancel    */        "-  x  x  x  x  x  x  x  -  -  -",
        /* Pause     */        "-  x  x  x  x  x  -  -  -  -  -",
        /* Resume    */        "-  x  x  x  x  x  -  -  -  -  -",
        /* SetSpeed  */        "-  x  x  x  x  x  -  -  -  -  -",
        /* Complete  */        "-  -  -  -  x  x  -  -  -  -  -",
        /* Dismiss   */        "-  -  -  -  -  -  -  -  -  x  -",
        /* Finalize  */        "-  -  -  -  -  -  -  x  -  -  -",
    ];

    public static bool Allows(JobStatus from, JobStatus to) => Cell(Transitions, (int)from, to);

    public static bool Allows(JobStatus status, JobVerb verb) => Cell(Verbs, (int)verb, status);

    public static string NameOf(JobStatus status) => status switch
    {
        JobStatus.Undefined => "undefined",
        JobStatus.Created => "created",
        JobStatus.Running => "running",
        JobStatus.Paused => "paused",
        JobStatus.Ready => "ready",
        JobStatus.Standby => "standby",
        JobStatus.Waiting => "waiting",
        JobStatus.Pending => "pending",
        JobStatus.Aborting => "aborting",
        JobStatus.Concluded => "concluded",
        JobStatus.Null => "null",
        _ => throw new ArgumentOutOfRangeException(nameof(status), status, "not a state of jobs"),
    };

    public static string NameOf(JobVerb verb) => verb switch
    {
        JobVerb.Cancel => "cancel",
        JobVerb.Pause => "pause",
        JobVerb.Resume => "resume",
        JobVerb.SetSpeed => "set-speed",
        JobVerb.Complete => "complete",
        JobVerb.Dismiss => "dismiss",
        JobVerb.Finalize => "finalize",
        _ => throw new ArgumentOutOfRangeException(nameof(verb), verb, "not a verb of jobs"),
    };

    private static bool Cell(string[] table, int row, JobStatus column) => table[row][3 * (int)column] == 'x';
}
