// SPDX-License-Identifier: MIT
using System.Diagnostics;
using BlockHost.Qmp.Tests.Support;

namespace BlockHost.Qmp.Tests;

[Trait("speed", "slow")]
public class RealClientTests
{
    /// <summary>What Python's qemu.qmp does on the wire: a line a message, numbered ids, several requests under way.</summary>
    private const string PythonClient =
        """
        import asyncio, json, sys
        async def main():
            reader, writer = await asyncio.open_unix_connection(sys.argv[1], limit=10 << 20)
            assert 'oob' in json.loads(await reader.readline())['QMP']['capabilities']
            waiting, events, count = {}, [], 0
            async def execute(command, arguments=None, oob=False):
                nonlocal count
                count += 1
                message = {'exec-oob' if oob else 'execute': command, 'id': '__qmp#%05d' % count}
                if arguments is not None: message['arguments'] = arguments
                answer = waiting[message['id']] = asyncio.get_running_loop().create_future()
                writer.write(json.dumps(message).encode() + b'\n')
                await writer.drain()
                return await answer
            async def read():
                while line := await reader.readline():
                    message = json.loads(line)
                    if 'event' in message: events.append(message)
                    else: waiting.pop(message['id']).set_result(message)
            reading = asyncio.create_task(read())
            assert await execute('qmp_capabilities', {'enable': ['oob']}) == {'return': {}, 'id': '__qmp#00001'}
            hanging = asyncio.create_task(execute('hang'))
            await asyncio.sleep(0)
            assert 'return' in await execute('oob', oob=True)
            assert not hanging.done()
            others = [asyncio.create_task(execute('echo', {'value': 'text %d' % i})) for i in range(5)]
            print('hanging', flush=True)
            assert 'return' in await hanging
            assert [r['return']['value'] for r in await asyncio.gather(*others)] == ['text %d' % i for i in range(5)]
            names = {entry['name'] for entry in (await execute('query-qmp-schema'))['return']}
            assert {c['name'] for c in (await execute('query-commands'))['return']} <= names
            assert (await execute('no-such'))['error']['class'] == 'CommandNotFound'
            assert 'return' in await execute('quit')
            assert [e['event'] for e in events] == ['SHUTDOWN'], events
            print('done', flush=True)
        asyncio.run(main())
        """;

    [SkippableFact]
    public async Task A_python_client_works()
    {
        Skip.IfNot(InstalledPrograms.Has("python3"), "python3 is not installed");
        await using var daemon = await TestDaemon.StartAsync();
        using var python = Start("python3", "-c", PythonClient, daemon.SocketPath);

        Assert.Equal("hanging", await python.StandardOutput.ReadLineAsync());
        daemon.Commands.Gate.SetResult();

        Assert.Equal("done", await python.StandardOutput.ReadLineAsync());
    }

    [SkippableFact]
    public async Task A_socat_session_works()
    {
        Skip.IfNot(InstalledPrograms.Has("socat"), "socat is not installed");
        await using var daemon = await TestDaemon.StartAsync();
        using var socat = Start("socat", "-t10", "-", $"UNIX-CONNECT:{daemon.SocketPath}");

        await socat.StandardInput.WriteAsync(
            "{ 'execute': 'qmp_capabilities' }\n{ 'execute': 'echo', 'arguments': { 'value': 'hello' } }\n");
        socat.StandardInput.Close();
        var output = await socat.StandardOutput.ReadToEndAsync();

        Assert.Equal(
            ["{\"return\": {}}", "{\"return\": {\"value\": \"hello\"}}"],
            output.Split("\r\n", StringSplitOptions.RemoveEmptyEntries)[1..]);
    }

    private static Process Start(string program, params string[] arguments) =>
        Process.Start(new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        })!;
}
