// SPDX-License-Identifier: MIT
using BlockHost.Block.Archipelago.Peer;

// A storage node's peers for the tests, in a process of their own: PEER FOLDER SEGMENT BYTES-OF-THE-VOLUME.
// Says "ready", and takes modes (PeerMode), one a line, until its input ends; each is answered by "ok".
var segment = NewSegment.Create(Path.Combine(args[0], args[1]));
using var peer = new VolumePeer(segment, args[0], long.Parse(args[2], System.Globalization.CultureInfo.InvariantCulture));
peer.Start();
Console.WriteLine("ready");
while (Console.ReadLine() is { } line)
{
    peer.Mode = Enum.Parse<PeerMode>(line);
    Console.WriteLine("ok");
}
