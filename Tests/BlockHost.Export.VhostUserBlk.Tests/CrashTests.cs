// SPDX-License-Identifier: MIT
using System.Buffers.Binary;
using BlockHost.Posix;
using BlockHost.Virtio;
using BlockHost.Virtio.InFlight;
using BlockHost.Virtio.Memory;
using BlockHost.Virtio.Rings;

namespace BlockHost.Export.VhostUserBlk.Tests;

/// <summary>
/// A device works on a ring, dies anywhere, and another one goes on: each chain that the driver has not been shown as done comes
/// again, those that were in flight in their order; none that was shown does. BLOCKHOST_VIRTIO_CRASHES=N for more.
/// </summary>
public sealed class CrashTests
{
    [Theory]
    [InlineData(false, 4)]
    [InlineData(false, 16)]
    [InlineData(true, 4)]
    [InlineData(true, 7)]
    [InlineData(true, 16)]
    public void Nothing_is_lost_and_nothing_is_done_that_was_shown(bool packed, int size)
    {
        var crashes = SearchSize.Of("BLOCKHOST_VIRTIO_CRASHES", 300);
        for (var seed = 0; seed < 10; seed++)
        {
            using var world = new World(new() { Size = (ushort)size, Packed = packed, EventIndex = false });
            var random = new Random(seed);
            for (var crash = 0; crash < crashes / 10; crash++)
            {
                for (var steps = random.Next(60); steps > 0; steps--)
                    world.Step(random);
                world.Crash();
            }

            world.Finish();
        }
    }

    /// <summary>A driver, its memory, and the device that it has now.</summary>
    private sealed class World : IDisposable
    {
        private readonly GuestRam _ram = new(4 << 20);
        private readonly RingDriver _driver;
        private readonly InFlightBuffer _buffer;
        private readonly GuestMemory _memory;
        private readonly Dictionary<ushort, ulong> _submitted = [];
        private readonly List<(DescriptorChain Chain, ulong Number)> _taken = [];
        private readonly List<ulong> _order = [];
        private readonly ulong[] _requests = new ulong[1024];
        private Virtqueue _device;
        private ulong _next;

        public World(RingOptions options)
        {
            _driver = RingDriver.Create(_ram, options);
            var (descriptor, layout) = InFlightBuffer.Create(1, options.Size);
            _buffer = InFlightBuffer.Map(descriptor, layout);
            _ = Libc.close(descriptor);
            _memory = GuestMemory.Map(
                [new RegionDescription(_ram.GuestAddress, _ram.Size, _ram.UserAddress, 0)], [_ram.Descriptor]);
            _device = NewDevice(_driver.FreshBase);
        }

        public void Step(Random random)
        {
            switch (random.Next(4))
            {
                case 0:
                    Submit(random);
                    break;
                case 1:
                    Take();
                    break;
                case 2 when _taken.Count > 0:
                    Complete(random.Next(_taken.Count));
                    break;
                default:
                    _device.Publish();
                    Collect();
                    break;
            }
        }

        /// <summary>The process ends: what it held in fields of its own is gone.</summary>
        public void Crash()
        {
            _taken.ForEach(entry => entry.Chain.End());
            _taken.Clear();
            _device.Close();
            Collect();
            _device = NewDevice(_driver.ResumedBase);
            // What was done and not shown as well.
            var order = _order.Where(_submitted.ContainsValue).ToArray();
            _order.Clear();
            foreach (var number in order)
            {
                Take();
                Assert.Equal(number, _taken[^1].Number);
            }
        }

        public void Finish()
        {
            while (_device.HasAvailable)
                Take();
            while (_taken.Count > 0)
                Complete(0);
            _device.Publish();
            Collect();
            Assert.Empty(_submitted);
        }

        public void Dispose()
        {
            _device.Close();
            _memory.Release();
            _buffer.Dispose();
            _driver.Dispose();
            _ram.Dispose();
        }

        private Virtqueue NewDevice(uint from) => Virtqueue.Create(
            new RingSettings(
                _driver.Options.Size,
                from,
                VirtioFeatures.IndirectDescriptors | (_driver.Options.Packed ? VirtioFeatures.PackedRing : VirtioFeatures.None)),
            _memory,
            new RingAddresses(_driver.Descriptors, _driver.DriverArea, _driver.DeviceArea, null),
            _buffer.Region(0));

        private void Submit(Random random)
        {
            var place = _requests[_next % 1024] != 0 ? _requests[_next % 1024] : _requests[_next % 1024] = _ram.Allocate(16);
            BinaryPrimitives.WriteUInt64LittleEndian(_ram.Span(place, 8), _next);
            var output = new GuestBuffer(place + 8, 8, true);
            GuestBuffer[] chain = [new(place, 8, false), .. Enumerable.Repeat(output, random.Next(3))];
            if (_driver.Submit(chain, random.Next(3) == 0) is { } id)
                _submitted.Add(id, _next++);
        }

        private void Take()
        {
            var chain = new DescriptorChain();
            if (_device.TryTake(chain) != TakeResult.Taken)
            {
                Assert.Null(_device.Fault);
                return;
            }

            var header = new byte[8];
            chain.Readable.All.CopyTo(header);
            var number = BinaryPrimitives.ReadUInt64LittleEndian(header);
            Assert.Contains(number, _submitted.Values);
            Assert.DoesNotContain(_taken, entry => entry.Number == number);
            _taken.Add((chain, number));
            _order.Add(number);
        }

        private void Complete(int index)
        {
            _device.Complete(_taken[index].Chain, 8);
            _taken.RemoveAt(index);
        }

        private void Collect()
        {
            while (_driver.TryTake(out var id, out _))
                Assert.True(_submitted.Remove(id), $"chain {id} was shown twice");
        }
    }
}
