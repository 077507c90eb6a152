// SPDX-License-Identifier: MIT
using System.Diagnostics;
using BlockHost.Images;

namespace BlockHost.Tools.Io.Commands;

internal sealed class DiscardCommand : IoCommand
{
    public override string Name => "discard";

    public override string AlternativeName => "d";

    public override string Arguments => "[-Cq] off len";

    public override string Summary => "discards a number of bytes at a specified offset";

    public override string Details => IoHelpTexts.Discard;

    public override int MinArguments => 2;

    public override int MaxArguments => int.MaxValue;

    public override bool NeedsWriting => true;

    public override async ValueTask RunAsync(IoSession session, IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var arguments = new IoArguments(this, args, "Cq");
        arguments.Expect(2, 2);
        var (offset, length) = (arguments.Offset(0), arguments.Offset(1));
        if (length > IoNumbers.MaxLength)
            throw new IoCommandException($"length cannot exceed {IoNumbers.MaxLength}, given {arguments.Operands[1]}");
        var clock = Stopwatch.StartNew();
        var status = await session.Image!.Queue.DiscardAsync(offset, length, cancellationToken);
        if (!status.IsOk)
            throw new IoCommandException($"discard failed: {ImageErrors.Text(status.Errno)}");
        if (!arguments.Has('q'))
            session.Print(IoStatistics.Format("discard", clock.Elapsed, offset, length, length, arguments.Has('C')));
    }
}
