// SPDX-License-Identifier: MIT
namespace BlockHost.Plugins.Commands.Migration.Format;

/// <summary>
/// The stream, in the framing of QEMU's; numbers are big-endian.
/// <code>
///   "QEVM"  version 3
///   07  length 4  name                                        configuration: the machine's name
///   08  command 2  length 2  data                             command
///   01  section 4  length 1 name  instance 4  version 4  …    start of a section in parts
///   02  section 4  …                                          part      03 …  end
///   04  section 4  length 1 name  instance 4  version 4  …    a section in one
///   7e  section 4                                             after each of them
///   00                                                        end of the state
///   06  length 4  JSON                                        description
/// </code>
/// A section says nothing of its length: only who knows it can pass over it. Ours have names that begin with
/// <see cref="DevicePrefix"/>, and a frame (<see cref="DeviceFrame"/>).
/// </summary>
internal static class StreamLayout
{
    public const uint Magic = 0x5145564d;
    public const uint Version = 3;
    public const uint OldVersion = 2;

    public const byte End = 0x00;
    public const byte SectionStart = 0x01;
    public const byte SectionPart = 0x02;
    public const byte SectionEnd = 0x03;
    public const byte SectionFull = 0x04;
    public const byte Description = 0x06;
    public const byte Configuration = 0x07;
    public const byte Command = 0x08;
    public const byte Footer = 0x7e;

    public const ushort OpenReturnPath = 1;
    public const ushort Ping = 2;
    public const ushort PostcopyAdvise = 3;

    public const ushort ReplyShut = 1;
    public const ushort ReplyPong = 2;

    /// <summary>The name of a machine without anything in it.</summary>
    public const string MachineName = "none";

    public const string Bitmaps = "dirty-bitmap";
    public const string Ram = "ram";
    public const string Timer = "timer";
    public const string GlobalState = "globalstate";
    public const uint GlobalStateVersion = 1;
    public const int GlobalStateLength = 100;
    public const int TimerLength = 24;

    /// <summary>What a section in parts of memory says of which there is none: its size, 0, and the end.</summary>
    public const ulong RamSize = 4;
    public const ulong RamEnd = 16;

    public const string DevicePrefix = "blockhost/device/";
    public const uint DeviceFrameVersion = 1;
}
