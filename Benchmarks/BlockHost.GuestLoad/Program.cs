// SPDX-License-Identifier: MIT
// A guest's load on a vhost-user-blk device: SOCKET read|write DEPTH RINGS SECONDS split|packed
// Prints requests a second, and the median and the 99th percentile of their times in microseconds.
using System.Diagnostics;
using System.Globalization;
using BlockHost.GuestLoad;
using BlockHost.Virtio.Testing;

var (socket, write, depth, rings) = (args[0], args[1] == "write", Number(args[2]), Number(args[3]));
var duration = TimeSpan.FromSeconds(double.Parse(args[4], CultureInfo.InvariantCulture));
using var guest = new BlkClient(socket, new() { Rings = rings, Ring = new() { Packed = args[5] == "packed" } });
var bytes = BitConverter.ToInt64(guest.Config(0, 8)) * 512;
var loads = Enumerable.Range(0, rings).Select(ring => new RingLoad(guest, ring, depth, write, bytes)).ToArray();

var clock = Stopwatch.StartNew();
var threads = loads.Select(load => new Thread(() => load.Run(duration))).ToArray();
foreach (var thread in threads)
    thread.Start();
foreach (var thread in threads)
    thread.Join();
var seconds = clock.Elapsed.TotalSeconds;

var all = loads.SelectMany(load => load.Latencies).Order().ToArray();
var (median, late) = (Microseconds(all[all.Length / 2]), Microseconds(all[all.Length / 100 * 99]));
Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{all.Length / seconds:f0} {median:f1} {late:f1}"));

static int Number(string text) => int.Parse(text, CultureInfo.InvariantCulture);

static double Microseconds(long ticks) => ticks * 1e6 / Stopwatch.Frequency;
