// SPDX-License-Identifier: MIT
using System.Text;
using BlockHost.Block;
using BlockHost.Nbd;
using BlockHost.Plugins.Export.Nbd.Protocol;

namespace BlockHost.Plugins.Export.Nbd.Server;

/// <summary>Queues the replies of one connection in the form that it agreed on.</summary>
/// <param name="afterReply">A reply has been queued.</param>
internal sealed class ReplyWriter(ReplyBuffer replies, SendQueue output, bool structured, Action afterReply)
{
    /// <summary>What stands in front of the data of a read.</summary>
    public int DataHeaderLength => structured ? Wire.DataChunkHeaderLength : Wire.SimpleReplyLength;

    /// <summary>The reply to a read, whose data is in its place.</summary>
    public void Data(in NbdRequest request, in ReplySpace reply)
    {
        if (!structured || request.Length > 0)
        {
            DataHeader(request, reply.Header);
            Queue(reply, reply.Length);
            return;
        }

        ReplyEncoder.Chunk(reply.Header, ChunkFlags.Done, ChunkType.None, request.Cookie, 0);
        Queue(reply, Wire.ChunkHeaderLength);
    }

    /// <summary>The header of a whole read.</summary>
    public void DataHeader(in NbdRequest request, Span<byte> header)
    {
        if (structured)
            ReplyEncoder.DataChunk(header, request.Cookie, request.Offset, (int)request.Length);
        else
            ReplyEncoder.Simple(header, NbdError.None, request.Cookie);
    }

    public void Hole(in NbdRequest request)
    {
        var space = replies.Reserve(ReplyEncoder.HoleChunkLength, 0);
        ReplyEncoder.HoleChunk(space.Header, request.Cookie, request.Offset, request.Length);
        Queue(space, space.Length);
    }

    public void Done(in NbdRequest request) => Simple(request, NbdError.None);

    public void Status(in NbdRequest request, StatusAnswer answer)
    {
        var lists = answer.Lists;
        for (var i = 0; i < lists.Count; i++)
        {
            var (context, extents) = lists[i];
            var space = replies.Reserve(ReplyEncoder.StatusChunkLength(extents.Count), 0);
            ReplyEncoder.StatusChunk(space.Header, last: i == lists.Count - 1, request.Cookie, context, extents);
            Queue(space, space.Length);
        }
    }

    public void Failure(in NbdRequest request, IoStatus status) =>
        Refuse(request, new(NbdErrors.FromErrno(status.Errno), FailureText(request)));

    public void Refuse(in NbdRequest request, in Refusal refusal)
    {
        if (!structured)
        {
            Simple(request, refusal.Error);
            return;
        }

        var message = Encoding.UTF8.GetBytes(refusal.Message);
        var space = replies.Reserve(ReplyEncoder.ErrorChunkLength(message), 0);
        ReplyEncoder.ErrorChunk(space.Header, refusal.Error, request.Cookie, message);
        Queue(space, space.Length);
    }

    public void Queue(in ReplySpace space, int length)
    {
        output.Append(space.Buffer, space.Start, length);
        afterReply();
    }

    private void Simple(in NbdRequest request, NbdError error)
    {
        var space = replies.Reserve(Wire.SimpleReplyLength, 0);
        ReplyEncoder.Simple(space.Header, error, request.Cookie);
        Queue(space, space.Length);
    }

    private static string FailureText(in NbdRequest request) => request.Command switch
    {
        NbdCommand.Read => "reading from file failed",
        NbdCommand.Write => "writing to file failed",
        NbdCommand.Flush => "flush failed",
        NbdCommand.Trim => "discard failed",
        NbdCommand.Cache => "caching data failed",
        NbdCommand.WriteZeroes => "writing to file failed",
        _ => "can't get block status",
    };
}
