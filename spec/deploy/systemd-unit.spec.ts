import { appendFileSync, writeFileSync } from 'node:fs';
import { account } from '../support/accounts.ts';
import { Machine } from '../support/machine.ts';
import { Peer } from '../support/peer.ts';
import { until } from '../support/until.ts';
import { Walker } from '../support/walker.ts';

// Skipped where nobody may start a systemd of their own: without one, or without being root.
(Machine.possible ? describe : describe.skip)('the unit and the socket, run by a systemd', () => {
  let machine: Machine;
  let socket = '';

  beforeAll(async () => {
    machine = new Machine();
    await machine.boot();
    // The tests are not in its network. Files are where they are.
    socket = machine.path('chat.sock');
    await machine.edit('a-chat.socket', `[Socket]\nListenStream=${socket}\n`);
    await machine.systemctl('start', 'a-chat.socket', 'a-chat.service');
  });

  afterAll(() => machine.halt());

  it('serve as a user without rights when they say so', async () => {
    expect(await machine.show('ActiveState')).toBe('active');
    const said = await machine.run('sh', '-c', 'printf "alice\\nalice: hello\\n" | nc -N 127.0.0.1 8080');
    expect(said).toContain('from alice: hello\n* closing eof: accepted 1, delivered 1');
    expect(await machine.show('UID')).not.toBe('0');
  });

  it('restart time and again without a gap', async () => {
    const walker = new Walker();
    const walk = walker.walk(socket);
    for (let restart = 0; restart < 20; restart += 1) {
      const before = walker.connections;
      await machine.systemctl('restart', 'a-chat.service');
      await until(() => walker.connections > before, 'the walker to be back');
    }
    walker.stop();
    await machine.systemctl('restart', 'a-chat.service');
    await walk;
    expect(walker.failures).toEqual([]);
    expect(walker.received.length).toBeGreaterThan(20);
    expect(walker.received).toEqual(Array.from({ length: walker.accepted }, (_, index) => index + 1));
    expect(await machine.show('Result')).toBe('success');
  }, 600_000);

  it('reload, with nobody leaving, whether there is something to read again or not', async () => {
    const before = await machine.show('MainPID');
    const alice = await Peer.login(socket, 'alice');
    await machine.systemctl('reload', 'a-chat.service');
    alice.send('alice: still here\n');
    await alice.heard('from alice: still here\n');
    expect(await machine.show('MainPID')).toBe(before);
    await alice.quit();
  });

  it('know a new account after a reload', async () => {
    const accounts = machine.path('accounts');
    writeFileSync(accounts, `${account('alice', 's3cret')}\n`);
    const settings = `A_CHAT_ACCOUNTS=/run/accounts A_CHAT_INSECURE=1`;
    await machine.edit(
      'a-chat.service',
      `[Service]\nEnvironment=${settings}\nBindReadOnlyPaths=${accounts}:/run/accounts\n`,
    );
    await machine.systemctl('restart', 'a-chat.service');
    const alice = new Peer(socket);
    alice.send('alice:s3cret\n');
    await alice.heard('* welcome alice\n');
    appendFileSync(accounts, `${account('bob', 'hunter2')}\n`);
    await machine.systemctl('reload', 'a-chat.service');
    // The signal is on its way when the command ends: whoever comes too soon tries again.
    const bob = new Peer(socket);
    bob.send('bob:hunter2\n');
    await until(() => bob.lines.length > 0, 'an answer');
    if (bob.text.startsWith('! auth-failed')) bob.send('bob:hunter2\n');
    await bob.heard('* welcome bob\n');
    bob.send('alice: hello\n');
    await alice.heard('from bob: hello\n');
    // That it has read them systemd is told a moment later.
    let state: string;
    do state = await machine.show('ActiveState');
    while (state === 'reloading');
    expect(state).toBe('active');
    await machine.edit('a-chat.service', '');
  });

  it('replace a server that hangs', async () => {
    await machine.edit('a-chat.service', '[Service]\nWatchdogSec=4\nWatchdogSignal=KILL\n');
    await machine.systemctl('restart', 'a-chat.service');
    const before = await machine.show('MainPID');
    await machine.systemctl('kill', '--kill-whom=main', '--signal=STOP', 'a-chat.service');
    // Accepted by the next one, when that is there.
    const alice = await Peer.login(socket, 'alice');
    await alice.quit();
    expect(await machine.show('MainPID')).not.toBe(before);
    expect(await machine.show('NRestarts')).toBe('1');
    await machine.edit('a-chat.service', '');
  });

  it('stop with nobody left behind, and start again for whoever comes', async () => {
    const alice = await Peer.login(socket, 'alice');
    await machine.systemctl('stop', 'a-chat.service');
    expect(await alice.whole()).toContain('* closing shutdown: accepted 0, delivered 0\n');
    expect(await machine.show('Result')).toBe('success');
    expect(await machine.show('ActiveState')).toBe('inactive');
    await Peer.login(socket, 'bob');
    await machine.systemctl('stop', 'a-chat.socket', 'a-chat.service');
    const carol = new Peer(socket);
    await until(() => carol.error !== undefined, 'nobody to listen');
  });
});
