// SPDX-License-Identifier: MIT
using BlockHost.Block;

namespace BlockHost.Tools.Io.Commands;

internal sealed class WriteCommand : IoCommand
{
    public override string Name => "write";

    public override string AlternativeName => "w";

    public override string Arguments => "[-bcCfnquz] [-P pattern | -s source_file] off len";

    public override string Summary => "writes a number of bytes at a specified offset";

    public override string Details => IoHelpTexts.Write;

    public override int MinArguments => 2;

    public override int MaxArguments => int.MaxValue;

    public override bool NeedsWriting => true;

    public override async ValueTask RunAsync(IoSession session, IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var arguments = new IoArguments(this, args, "bcCfnpP:qs:uz");
        arguments.Expect(2, 2);
        CheckOptions(arguments);
        var kind = KindOf(arguments);
        var (offset, length) = (arguments.Offset(0), arguments.Offset(1));
        if (length > IoNumbers.MaxLength && !arguments.Has('n'))
            throw new IoCommandException($"length cannot exceed {IoNumbers.MaxLength} without -n, given {arguments.Operands[1]}");
        if (arguments.Has('b') || arguments.Has('c'))
            IoVectors.CheckSectors(offset, length);
        var source = kind == WriteKind.Zeroes ? [] : Fill(arguments, (int)length);
        var request = WriteRequest.From("write", kind, offset, length, arguments);
        await session.ReportAsync(Writing.RunAsync(session.Image!, request, source, cancellationToken));
    }

    private static void CheckOptions(IoArguments arguments)
    {
        if (arguments.Has('b') && arguments.Has('z'))
            throw new IoCommandException("-b and -z cannot be specified at the same time");
        if (arguments.Has('f') && (arguments.Has('b') || arguments.Has('c')))
            throw new IoCommandException("-f and -b or -c cannot be specified at the same time");
        if (arguments.Has('n') && !arguments.Has('z'))
            throw new IoCommandException("-n requires -z to be specified");
        if (arguments.Has('u') && !arguments.Has('z'))
            throw new IoCommandException("-u requires -z to be specified");
        if ((arguments.Has('z') ? 1 : 0) + (arguments.Has('P') ? 1 : 0) + (arguments.Has('s') ? 1 : 0) > 1)
            throw new IoCommandException("Only one of -z, -P, and -s can be specified at the same time");
    }

    private static WriteKind KindOf(IoArguments arguments) =>
        arguments.Has('b') ? WriteKind.VmState
        : arguments.Has('z') ? WriteKind.Zeroes
        : arguments.Has('c') ? WriteKind.Compressed
        : WriteKind.Data;

    private static byte[] Fill(IoArguments arguments, int length)
    {
        var buffer = GC.AllocateUninitializedArray<byte>(length);
        if (arguments['s'] is { } file)
            PatternFile.Fill(file, buffer);
        else
            buffer.AsSpan().Fill(arguments.Pattern() ?? Writing.DefaultPattern);
        return buffer;
    }
}

internal sealed class WriteVectorCommand : IoCommand
{
    public override string Name => "writev";

    public override string Arguments => "[-Cfq] [-P pattern] off len [len..]";

    public override string Summary => "writes a number of bytes at a specified offset";

    public override string Details => IoHelpTexts.WriteVector;

    public override int MinArguments => 2;

    public override int MaxArguments => int.MaxValue;

    public override bool NeedsWriting => true;

    public override async ValueTask RunAsync(IoSession session, IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var arguments = new IoArguments(this, args, "CfqP:");
        var (offset, vector) = IoVectors.Parse(arguments);
        vector.All.Fill(arguments.Pattern() ?? Writing.DefaultPattern);
        var request = WriteRequest.From("writev", WriteKind.Data, offset, vector.Length, arguments);
        await session.ReportAsync(Writing.RunAsync(session.Image!, request, vector, cancellationToken));
    }
}

internal sealed class AioWriteCommand : IoCommand
{
    public override string Name => "aio_write";

    public override string Arguments => "[-Cfiquz] [-P pattern] off len [len..]";

    public override string Summary => "asynchronously writes a number of bytes";

    public override string Details => IoHelpTexts.AioWrite;

    public override int MinArguments => 2;

    public override int MaxArguments => int.MaxValue;

    public override bool NeedsWriting => true;

    public override ValueTask RunAsync(IoSession session, IReadOnlyList<string> args, CancellationToken cancellationToken)
    {
        var arguments = new IoArguments(this, args, "CfiP:quz");
        arguments.Expect(2, int.MaxValue);
        if (arguments.Has('z') && arguments.Operands.Count != 2)
            throw new IoCommandException("-z supports only a single length parameter");
        if (arguments.Has('u') && !arguments.Has('z'))
            throw new IoCommandException("-u requires -z to be specified");
        if (arguments.Has('i'))
        {
            session.Print("injecting invalid write request\n");
            return ValueTask.CompletedTask;
        }

        var (request, source) = Parse(arguments);
        session.Start(Writing.RunAsync(session.Image!, request, source, cancellationToken));
        return ValueTask.CompletedTask;
    }

    private static (WriteRequest Request, IoVector Source) Parse(IoArguments arguments)
    {
        if (arguments.Has('z'))
            return (WriteRequest.From(
                "aio_write", WriteKind.Zeroes, arguments.Offset(0), arguments.Offset(1), arguments), new IoVector());
        var (offset, vector) = IoVectors.Parse(arguments);
        vector.All.Fill(arguments.Pattern() ?? Writing.DefaultPattern);
        return (WriteRequest.From("aio_write", WriteKind.Data, offset, vector.Length, arguments), vector);
    }
}
