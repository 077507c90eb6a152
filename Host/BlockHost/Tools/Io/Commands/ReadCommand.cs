// SPDX-License-Identifier: MIT
namespace BlockHost.Tools.Io.Commands;

internal sealed class ReadCommand : IoCommand
{
    public override string Name => "read";

    public override string AlternativeName => "r";

    public override string Arguments => "[-abCqv] [-P pattern [-s off] [-l len]] off len";

    public override string Summary => "reads a number of bytes at a specified offset";

    public override string Details => IoHelpTexts.Read;

    public override int MinArguments => 2;

    public override int MaxArguments => int.MaxValue;

    public override async ValueTask RunAsync(IoSession session, IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var arguments = new IoArguments(this, args, "bCl:pP:qs:v");
        var (start, count) = (Range(arguments, 's'), Range(arguments, 'l'));
        arguments.Expect(2, 2);
        var request = Parse(arguments, start ?? 0, count);
        var buffer = GC.AllocateUninitializedArray<byte>((int)request.Length);
        await session.ReportAsync(Reading.RunAsync(session.Image!, request, buffer, cancellationToken));
    }

    private static long? Range(IoArguments arguments, char option) => arguments[option] is { } text ? IoNumbers.Size(text) : null;

    private static ReadRequest Parse(IoArguments arguments, long start, long? given)
    {
        var (offset, length) = (arguments.Offset(0), arguments.Offset(1));
        if (length > IoNumbers.MaxLength)
            throw new IoCommandException($"length cannot exceed {IoNumbers.MaxLength}, given {arguments.Operands[1]}");
        if (!arguments.Has('P') && (arguments.Has('s') || arguments.Has('l')))
            throw new IoCommandException() { ShowUsage = true };
        var count = given ?? length - start;
        if (start > length || count > length - start)
            throw new IoCommandException("pattern verification range exceeds end of read data");
        if (arguments.Has('b'))
            IoVectors.CheckSectors(offset, length);
        return ReadRequest.From(
            "read", offset, length, arguments) with
        { CheckStart = start, CheckLength = count, VmState = arguments.Has('b') };
    }
}

internal sealed class ReadVectorCommand : IoCommand
{
    public override string Name => "readv";

    public override string Arguments => "[-Cqv] [-P pattern] off len [len..]";

    public override string Summary => "reads a number of bytes at a specified offset";

    public override string Details => IoHelpTexts.ReadVector;

    public override int MinArguments => 2;

    public override int MaxArguments => int.MaxValue;

    public override async ValueTask RunAsync(IoSession session, IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var arguments = new IoArguments(this, args, "CP:qv");
        var (offset, vector) = IoVectors.Parse(arguments);
        var request = ReadRequest.From("readv", offset, vector.Length, arguments);
        await session.ReportAsync(Reading.RunAsync(session.Image!, request, vector, cancellationToken));
    }
}

internal sealed class AioReadCommand : IoCommand
{
    public override string Name => "aio_read";

    public override string Arguments => "[-Ciqv] [-P pattern] off len [len..]";

    public override string Summary => "asynchronously reads a number of bytes";

    public override string Details => IoHelpTexts.AioRead;

    public override int MinArguments => 2;

    public override int MaxArguments => int.MaxValue;

    public override ValueTask RunAsync(IoSession session, IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var arguments = new IoArguments(this, args, "CiP:qv");
        if (arguments.Has('i'))
        {
            session.Print("injecting invalid read request\n");
            return ValueTask.CompletedTask;
        }

        var (offset, vector) = IoVectors.Parse(arguments);
        var request = ReadRequest.From("readv", offset, vector.Length, arguments);
        session.Start(Reading.RunAsync(session.Image!, request, vector, cancellationToken));
        return ValueTask.CompletedTask;
    }
}
