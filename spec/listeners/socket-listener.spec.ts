import { execFileSync } from 'node:child_process';
import net from 'node:net';
import { Peer } from '../support/peer.ts';
import { Program } from '../support/program.ts';
import { Server, stopServers } from '../support/server.ts';
import { until } from '../support/until.ts';

afterEach(async () => {
  stopServers();
  await Program.stopAll();
});

describe('connections that the system cannot hand over', () => {
  test('are told of once, and accepted again later, while whoever is here goes on', async () => {
    const created = jest.spyOn(net, 'createServer');
    const server = await Server.start();
    const listener = created.mock.results[0]?.value as net.Server;
    created.mockRestore();
    const alice = await server.login('alice');

    listener.emit('error', new Error('accept ENFILE'));
    listener.emit('error', new Error('accept ENFILE'));
    expect(server.all('failing')).toEqual([{ type: 'failing', message: 'accept ENFILE' }]);
    alice.send('alice: here\n');
    await alice.heard('from alice: here\n');

    await until(() => server.all('listening').length === 2, 'the listener to be back');
    const [before, after] = server.all('listening');
    expect(after).toEqual(before);
    await server.login('bob');
  });

  test('for lack of descriptors are refused by the system until there are some again', async () => {
    const server = await Program.serve();
    const limit = (files: number) =>
      execFileSync('prlimit', ['--pid', String(server.child.pid), `--nofile=${files}:`]);
    const alice = await Peer.login(server.port, 'alice');
    const hard = /open files +\d+ +(\d+)/.exec(
      execFileSync('cat', [`/proc/${server.child.pid ?? ''}/limits`]).toString(),
    )?.[1];

    limit(3);
    const failing = await server.logged('failing');
    expect(failing).toMatchObject({ level: 50, message: 'EMFILE: too many open files' });
    const refused = new Peer(server.port);
    await until(() => refused.closed, 'the refusal');
    // It may have come to the listener in its last moment.
    expect(refused.error).toMatchObject({ code: expect.stringMatching(/^ECONN(REFUSED|RESET)$/) as string });
    alice.send('alice: here\n');
    await alice.heard('from alice: here\n');

    limit(Number(hard));
    const isBack = () => server.log.filter(({ event }) => event === 'listening').length === 2;
    await until(isBack, 'the listener to be back');
    const bob = await Peer.login(server.port, 'bob');
    expect(server.log.filter(({ event }) => event === 'failing')).toHaveLength(1);

    server.signal('SIGTERM');
    for (const peer of [alice, bob]) {
      expect(await peer.whole()).toContain('* closing shutdown: ');
      peer.end();
    }
    expect(await server.exit()).toBe(0);
    expect(server.stderr).toBe('');
  });
});
