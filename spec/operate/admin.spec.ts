import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { connect, createServer } from 'node:net';
import {
  type AdminEvent,
  Meter,
  type ServerEvent,
  adminEndpoint,
  chatServer,
  metricsOf,
} from '../../lib/index.ts';
import { account, accountsFile, removeDirectories } from '../support/accounts.ts';
import { Admin, samplesOf } from '../support/admin.ts';
import { Peer } from '../support/peer.ts';
import { Program } from '../support/program.ts';
import { until } from '../support/until.ts';

const peers: Peer[] = [];

afterEach(async () => {
  for (const { socket } of peers.splice(0)) socket.destroy();
  await Program.stopAll();
  removeDirectories();
});

async function serve(...args: string[]): Promise<{ server: Program & { port: number }; admin: Admin }> {
  const server = await Program.serve('--admin', '0', '--linger-timeout', '0.2', ...args);
  const { port } = await server.logged('admin');
  return { server, admin: new Admin(port) };
}

async function login(server: { port: number }, name: string): Promise<Peer> {
  const peer = await Peer.login(server.port, name);
  peers.push(peer);
  return peer;
}

describe('the admin endpoint', () => {
  test('is off unless asked for', async () => {
    const server = await Program.serve();
    const peer = await login(server, 'alice');
    await peer.settled();
    await server.logged('joined');
    expect(server.log.map(({ event }) => event)).toEqual(['listening', 'joined']);
  });

  test.each([
    ['0', '127.0.0.1'],
    ['127.0.0.1:0', '127.0.0.1'],
    ['[::1]:0', '::1'],
    ['0.0.0.0:0', '0.0.0.0'],
  ])('with %s listens on %s, and says so', async (written, address) => {
    const server = await Program.serve('--admin', written);
    const line = await server.logged('admin');
    expect(line).toMatchObject({ address, port: expect.any(Number) as number });
    const host = address.includes(':') ? `[${address}]` : address;
    expect(line.msg).toBe(`admin endpoint on http://${host}:${String(line.port)}`);
    expect((await fetch(`http://${host}:${String(line.port)}/healthz`)).status).toBe(200);
  });

  test('tells that the server is alive and ready', async () => {
    const { admin } = await serve();
    const type = 'text/plain; charset=utf-8';
    expect(await admin.get('/healthz')).toEqual({ status: 200, type, text: 'ok\n' });
    expect(await admin.get('/readyz')).toEqual({ status: 200, type, text: 'ready\n' });
    expect(await admin.get('/readyz?verbose')).toMatchObject({ status: 200 });
    expect(await admin.get('/readyz', 'HEAD')).toMatchObject({ status: 200, text: '' });
    expect(await admin.get('/metrics')).toMatchObject({
      status: 200,
      type: 'text/plain; version=0.0.4; charset=utf-8',
    });
  });

  test('answers nothing else', async () => {
    const { admin } = await serve();
    expect(await admin.get('/')).toMatchObject({ status: 404 });
    expect(await admin.get('/metrics/')).toMatchObject({ status: 404 });
    expect(await admin.get('/healthz', 'POST')).toMatchObject({ status: 405 });
  });

  test('is not ready while no connection can be accepted', async () => {
    const { server, admin } = await serve();
    const { pid } = server.child;
    const [, hard = ''] =
      /open files +\d+ +(\d+)/.exec(readFileSync(`/proc/${pid ?? ''}/limits`, 'latin1')) ?? [];
    const limit = (files: string) => execFileSync('prlimit', ['--pid', String(pid), `--nofile=${files}:`]);
    // The connection over which this came is kept and used again.
    await admin.get('/healthz');
    limit('3');
    await server.logged('failing');
    expect(await admin.get('/readyz')).toMatchObject({ status: 503, text: 'failing\n' });
    expect(await admin.get('/healthz')).toMatchObject({ status: 200 });
    limit(hard);
    await admin.until('/readyz', 'ready\n');
  });

  test('that fails to accept a connection, or to tell the metrics, says so, and the server goes on', async () => {
    const created = jest.spyOn(http, 'createServer');
    const meter = new Meter();
    const server$ = chatServer({ port: 0, meter });
    const events: (ServerEvent | AdminEvent)[] = [];
    const endpoint = await adminEndpoint({ host: '127.0.0.1', port: 0 }, meter);
    const running = server$.pipe(endpoint).subscribe((event) => events.push(event));
    await until(() => events.length === 2, 'both to listen');
    const listener = created.mock.results[0]?.value as http.Server;
    created.mockRestore();
    listener.emit('error', new Error('accept ENFILE'));
    expect(events.at(-1)).toEqual({ type: 'admin-failing', message: 'accept ENFILE' });
    const [admin] = events;
    expect(await new Admin(admin?.type === 'admin' && admin.port).get('/readyz')).toMatchObject({
      status: 200,
    });
    jest.spyOn(meter, 'read').mockImplementationOnce(() => {
      throw new Error('a bug');
    });
    const asked = new Admin(admin?.type === 'admin' && admin.port);
    expect(await asked.get('/metrics')).toMatchObject({ status: 500 });
    expect(events.at(-1)).toEqual({ type: 'admin-failing', message: 'no metrics: a bug' });
    expect(await asked.get('/metrics')).toMatchObject({ status: 200 });
    running.unsubscribe();
    await until(() => !listener.listening, 'the endpoint to end');
  });

  test('is not ready from the moment a drain begins, and is there until it has ended', async () => {
    const { server, admin } = await serve('--drain-timeout', '60', '--linger-timeout', '60');
    const alice = await login(server, 'alice');
    expect((await admin.samples()).get('a_chat_draining')).toBe(0);

    server.signal('SIGTERM');
    await server.logged('draining');
    expect(await admin.get('/readyz')).toMatchObject({ status: 503, text: 'draining\n' });
    expect(await admin.get('/healthz')).toMatchObject({ status: 200 });
    const samples = await admin.samples();
    expect(samples.get('a_chat_draining')).toBe(1);
    expect(samples.get('a_chat_sessions')).toBe(1);
    expect(samples.get('a_chat_drain_duration_seconds')).toBeGreaterThan(0);
    expect(samples.get('a_chat_drain_duration_seconds')).toBeLessThan(60);
    expect(server.result).toBeUndefined();

    await alice.whole();
    alice.end();
    expect(await server.exit()).toBe(0);
    await expect(admin.get('/healthz')).rejects.toThrow();
  });

  test('whose port is taken is one line and exit code 1, and nobody is let in', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const address = taken.address();
    const port = typeof address === 'object' ? String(address?.port) : '';
    const program = new Program(['--port', '0', '--admin', port]);
    const code = await program.exit();
    taken.close();
    expect({ code, out: program.stdout }).toEqual({ code: 1, out: '' });
    expect(program.stderr).toMatch(/^a-chat: [^\n]*EADDRINUSE[^\n]*\n$/);
    expect(program.stderr).toContain(port);
  });

  test('ends with the server, also where that cannot listen', async () => {
    const { server } = await serve();
    const second = new Program(['--port', String(server.port), '--admin', '0']);
    expect(await second.exit()).toBe(1);
    expect(second.stderr).toMatch(/^a-chat: [^\n]*EADDRINUSE[^\n]*\n$/);
  });

  test('knows what is asked of it as of a proxy', async () => {
    const { admin } = await serve();
    expect(await admin.get('http://chat.example:9090/readyz?verbose')).toMatchObject({ text: 'ready\n' });
    expect(await admin.get('HTTP://chat.example')).toMatchObject({ status: 404 });
    expect(await admin.get('//healthz')).toMatchObject({ status: 404 });
  });

  test('answers, and lets people in, however many hold on to its connections', async () => {
    const few = ['sh', '-c', 'ulimit -n 300; exec "$0" "$@"'];
    const server = new Program(['--port', '0', '--admin', '0'], {}, few);
    const port = Number((await server.logged('admin')).port);
    const chat = Number((await server.logged('listening')).port);
    const idle = Array.from({ length: 340 }, () =>
      connect(port, '127.0.0.1')
        .on('error', () => {})
        .resume(),
    );
    idle.forEach((socket, index) => index % 2 > 0 && socket.write('GET /healthz HTTP/1.1\r\nhost: a\r\n'));
    try {
      await until(() => idle.filter(({ closed }) => closed).length >= 340 - 32, 'most to be closed');
      expect(await new Admin(port).get('/healthz')).toMatchObject({ status: 200 });
      await login({ port: chat }, 'alice');
      // Whoever asks nothing is not waited for.
      await until(() => idle.every(({ closed }) => closed), 'all to be closed', 20_000);
      expect(server.log.map(({ event }) => event)).not.toContain('failing');
    } finally {
      for (const socket of idle) socket.destroy();
    }
  });

  test('answers what is asked at once in order, and does not pile up answers that nobody reads', async () => {
    const { server, admin } = await serve();
    const ask = (path: string) => `GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`;
    const port = Number((await server.logged('admin')).port);
    const some = connect(port, '127.0.0.1');
    let answers = '';
    some.on('data', (data: Buffer) => (answers += data.toString()));
    some.write(ask('/healthz') + ask('/readyz') + ask('/nothing'));
    await until(() => answers.includes('there are'), 'the answers');
    expect(answers.match(/^(ok|ready|there are)/gm)).toEqual(['ok', 'ready', 'there are']);
    some.destroy();

    const before = (await admin.samples()).get('process_resident_memory_bytes') ?? 0;
    const rude = Array.from({ length: 20 }, () => {
      const socket = connect(port, '127.0.0.1').on('error', () => {});
      socket.pause().write(ask('/metrics').repeat(5000));
      return socket;
    });
    for (let round = 0; round < 20; round += 1) await admin.get('/healthz');
    const after = (await admin.samples()).get('process_resident_memory_bytes') ?? 0;
    for (const socket of rude) socket.destroy();
    expect(after - before).toBeLessThan(100 * 2 ** 20);
  });

  test('does not answer on the chat port', async () => {
    const { server } = await serve();
    const peer = new Peer(server.port);
    peers.push(peer);
    peer.send('GET /metrics HTTP/1.1\r\n\r\n');
    expect(await peer.whole()).toMatch(/^! not-chat: /);
  });
});

describe('the metrics', () => {
  test('count wrong logins, and the connections that they end', async () => {
    const accounts = accountsFile(account('alice', 's3cret'));
    const { server, admin } = await serve('--accounts', accounts);
    const peer = new Peer(server.port);
    peers.push(peer);
    peer.send('alice:1\nalice:2\nalice:3\n');
    expect(await peer.whole()).toMatch(/\* closing auth-failed: /);
    peer.end();
    await server.logged('left');
    expect(Object.fromEntries(await admin.samples())).toMatchObject({
      'a_chat_refusals_total{code="auth-failed"}': 3,
      'a_chat_sessions_ended_total{reason="auth-failed"}': 1,
      a_chat_logins_total: 0,
    });
  });

  test('count what the peers sent and received', async () => {
    const { server, admin } = await serve();
    const alice = await login(server, 'alice');
    const bob = await login(server, 'bob');
    const impostor = new Peer(server.port);
    peers.push(impostor);
    impostor.send('bob\nal:ice\n');
    await impostor.heard('! name-invalid');
    const began = performance.now();
    alice.send('bob: 1\nalice, bob: 2\nnobody: 3\nno message\n');
    await alice.settled();
    await bob.heard('from alice: 2\n');

    const samples = await admin.samples();
    const received = peers.reduce((sum, { socket }) => sum + socket.bytesRead, 0);
    const sent = peers.reduce((sum, { socket }) => sum + socket.bytesWritten, 0);
    expect(Object.fromEntries(samples)).toMatchObject({
      a_chat_sessions: 3,
      a_chat_sessions_logged_in: 2,
      a_chat_max_connections: 10_000,
      a_chat_logins_total: 2,
      'a_chat_refusals_total{code="name-taken"}': 1,
      'a_chat_refusals_total{code="name-invalid"}': 1,
      'a_chat_refusals_total{code="server-full"}': 0,
      a_chat_messages_accepted_total: 3,
      a_chat_messages_delivered_total: 3,
      a_chat_sent_bytes_total: received,
      a_chat_received_bytes_total: sent,
      a_chat_pending_bytes: 0,
      a_chat_slow_consumers_total: 0,
      a_chat_delivery_latency_seconds_count: 3,
      'a_chat_delivery_latency_seconds_bucket{le="+Inf"}': 3,
    });
    expect(samples.get('a_chat_delivery_latency_seconds_sum')).toBeGreaterThan(0);
    const seconds = (performance.now() - began) / 1000;
    expect(samples.get('a_chat_delivery_latency_seconds_sum')).toBeLessThan(3 * seconds);

    for (const peer of peers) peer.end();
    await server.logged('left', ({ name }) => name === 'alice');
    await server.logged('left', ({ name }) => name === 'bob');
    await server.logged('left', ({ name }) => name === undefined);
    const after = Object.fromEntries(await admin.samples());
    expect(after).toMatchObject({
      a_chat_sessions: 0,
      a_chat_sessions_logged_in: 0,
      'a_chat_sessions_ended_total{reason="eof"}': 3,
      a_chat_messages_accepted_total: 3,
      a_chat_messages_delivered_total: 3,
      a_chat_received_bytes_total: sent,
    });
    await until(() => peers.every(({ ended }) => ended), 'the last words');
    expect(after.a_chat_sent_bytes_total).toBe(peers.reduce((sum, { socket }) => sum + socket.bytesRead, 0));
  });

  test('show who is slow: what waits, who is held for it, and what was abandoned', async () => {
    const { server, admin } = await serve('--max-pending', '1000000', '--write-timeout', '4');
    const deaf = await login(server, 'deaf');
    deaf.socket.pause();
    const alice = await login(server, 'alice');
    alice.send(`deaf: ${'x'.repeat(1000)}\n`.repeat(30_000));

    await admin.until('/metrics', (text) => (samplesOf(text).get('a_chat_pending_bytes') ?? 0) > 0);
    const first = await admin.samples();
    await admin.until(
      '/metrics',
      (text) =>
        (samplesOf(text).get('a_chat_backpressure_seconds_total') ?? 0) >
        (first.get('a_chat_backpressure_seconds_total') ?? 0) + 0.1,
    );

    const left = await server.logged('left', ({ name }) => name === 'deaf');
    expect(left).toMatchObject({ reason: 'slow-consumer' });
    expect(left.abandoned).toBeGreaterThan(0);
    await alice.settled();
    const after = Object.fromEntries(await admin.samples());
    expect(after).toMatchObject({
      a_chat_pending_bytes: 0,
      a_chat_slow_consumers_total: 1,
      'a_chat_messages_abandoned_total{reason="slow-consumer"}': left.abandoned,
      'a_chat_messages_abandoned_total{reason="deadline"}': 0,
      'a_chat_sessions_ended_total{reason="slow-consumer"}': 1,
    });
    // Nobody is held any more.
    expect((await admin.samples()).get('a_chat_backpressure_seconds_total')).toBe(
      after.a_chat_backpressure_seconds_total,
    );
  });

  test('never fall, also where deliveries are taken back from a session that is cut off', async () => {
    const { server, admin } = await serve('--write-timeout', '1');
    const deaf = await login(server, 'deaf');
    deaf.socket.pause();
    const alice = await login(server, 'alice');
    // More than the peer's system takes, and little enough for this one to take the rest.
    alice.send(`deaf: ${'x'.repeat(1000)}\n`.repeat(500));
    await alice.settled();
    const before = await admin.samples();
    expect(before.get('a_chat_messages_delivered_total')).toBe(500);

    deaf.send('/quit\n');
    const { delivered, abandoned } = await server.logged('left');
    expect(delivered).toBeLessThan(500);
    const after = Object.fromEntries(await admin.samples());
    expect(after['a_chat_messages_abandoned_total{reason="slow-consumer"}']).toBe(abandoned);
    for (const [name, value] of before) {
      if (/^a_chat_.*_(total|count|sum)\b/.test(name)) expect(after[name]).toBeGreaterThanOrEqual(value);
    }
  });

  test('have a help and a type each, and the defaults of the process', async () => {
    const { admin } = await serve();
    const { text } = await admin.get('/metrics');
    const names = new Set(Array.from(text.matchAll(/^# TYPE (\S+)/gm), ([, name = '']) => name));
    for (const name of [
      'process_cpu_seconds_total',
      'nodejs_eventloop_lag_p99_seconds',
      'nodejs_heap_size_used_bytes',
    ]) {
      expect(names).toContain(name);
    }
    for (const name of names) expect(text).toMatch(new RegExp(`^# HELP ${name} \\S`, 'm'));
    for (const name of samplesOf(text).keys()) {
      const [base = ''] = name.split('{');
      expect(names.has(base) || names.has(base.replace(/_(bucket|sum|count)$/, ''))).toBe(true);
    }
  });

  test('are what the panels of the dashboard ask for', async () => {
    const { admin } = await serve();
    const names = new Set([...(await admin.samples()).keys()].map((name) => name.replace(/\{.*/, '')));
    const dashboard = JSON.parse(readFileSync('deploy/grafana-dashboard.json', 'utf8')) as {
      panels: { title: string; targets: { expr: string }[] }[];
    };
    const asked = new Set<string>();
    for (const { title, targets } of dashboard.panels) {
      for (const { expr } of targets) {
        const metrics = expr.match(/\b(a_chat|nodejs|process)_\w+/g) ?? [];
        expect([title, expr, metrics.length]).toEqual([title, expr, 1]);
        for (const metric of metrics) {
          expect([title, metric, names.has(metric)]).toEqual([title, metric, true]);
          asked.add(metric);
        }
      }
    }
    // And of the server's own, none is left out.
    const own = [...names].filter(
      (name) => name.startsWith('a_chat_') && !/latency_seconds_(sum|count)$/.test(name),
    );
    expect(own.filter((name) => !asked.has(name))).toEqual([]);
  });

  test('can be had without the endpoint', async () => {
    const meter = new Meter();
    const stop = new AbortController();
    let port: number | undefined;
    let drained = false;
    chatServer({ port: 0, meter, shutdown$: stop.signal, lingerTimeout: 0 }).subscribe({
      next: (event) => {
        if (event.type === 'listening') port = event.port;
      },
      complete: () => (drained = true),
    });
    const registry = await metricsOf(meter);
    await until(() => port !== undefined, 'the server to listen');
    const alice = await login({ port: port ?? 0 }, 'alice');
    alice.send('alice: hello\n');
    await alice.heard('hello\n');
    expect(meter.read()).toMatchObject({ connected: 1, loggedIn: 1, accepted: 1, delivered: 1, pending: 0 });
    stop.abort();
    alice.end();
    await until(() => drained, 'the drain');
    const samples = samplesOf(await registry.metrics());
    expect(Object.fromEntries(samples)).toMatchObject({
      a_chat_sessions: 0,
      a_chat_logins_total: 1,
      a_chat_messages_delivered_total: 1,
      a_chat_draining: 1,
      'a_chat_sessions_ended_total{reason="shutdown"}': 1,
    });
    expect(samples.get('a_chat_drain_duration_seconds')).toBe(meter.drain);
    registry.clear();
  });
});
