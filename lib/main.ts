#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { NEVER, type Observable, Subject, filter, finalize, merge, tap } from 'rxjs';
import { type AdminEvent, adminEndpoint } from './operate/admin.ts';
import { complaint, explain, readCommandLine } from './cli/arguments.ts';
import { type Logins, chat } from './client/connect.ts';
import { readConfig, showConfig } from './settings/file.ts';
import { parseAddress } from './protocol/endpoint.ts';
import type { DrainReport, ServerEvent } from './model/server-events.ts';
import { createLog, eventLog, logMissing } from './operate/log.ts';
import { loginAs, loginTyped, loginWithPassword } from './cli/password-login.ts';
import { Meter } from './operate/meter.ts';
import {
  type FileOfSettings,
  type Key,
  NO_FILE,
  OptionError,
  type Resolved,
  endpointsOf,
  resolveSettings,
} from './settings/options.ts';
import { passwd } from './cli/set-password.ts';
import { chatServer } from './server.ts';
import { oneOfMany, signals } from './shutdown.ts';
import { Spool } from './operate/log-spool.ts';
import { hasColours, neverWait, outliveTerminals } from './os/stdio.ts';
import { supervised } from './operate/systemd-notify.ts';
import { targetOf } from './client/target.ts';
import { checkFolder } from './listeners/unix-socket.ts';

type Written = Readonly<Record<string, unknown>>;

/** Signals that begin a shutdown; the last one only where there is nothing to be read again. */
const endings = ['SIGINT', 'SIGTERM', 'SIGQUIT', 'SIGHUP'] as const;

/**
 * Runs the server until it is drained. The result is the exit code: 0 when nothing was abandoned, 1 when
 * something was or lines of the log are missing, 128 and the signal's number when a second signal cut the
 * drain short.
 */
async function serve(written: Written): Promise<number> {
  const { values, notes } = await resolve(written);
  const { logLevel, logFormat, admin, ...options } = values;
  // What passes through here dies young. A nursery that stays as small as it is by now takes half the memory
  // under load, and no more time; V8 would let it grow to 32 MiB and keep that many bytes of chunks waiting
  // for it besides.
  setFlagsFromString('--semi-space-growth-factor=1');
  const address = parseAddress(admin);
  const meter = address === undefined ? undefined : new Meter();

  neverWait(process);
  outliveTerminals(process);
  // Nobody reads what Node may have to warn of: no reason to stop serving.
  process.stderr.on('error', () => {});
  const complaints = new Spool(2, { dropped: 0, failures: 0 }, { stuck: () => {}, missing: () => {} });
  const lines = new Spool(1, meter?.log ?? { dropped: 0, failures: 0 }, {
    stuck: (why) => {
      complaints.write(complaint(`the log cannot be written: ${why}`));
    },
    missing: (count) => {
      logMissing(log, count);
    },
  });
  const terminal = process.stdout.isTTY;
  const screen = { terminal, colours: hasColours(process.env, terminal) };
  const log = await createLog(logLevel, logFormat, screen, lines);
  /** Has what was logged written, in about a second or never. */
  const close = async (code: number) => {
    const missing = await lines.close(1000);
    if (missing > 0) complaints.write(complaint(`${missing} lines of the log could not be written`));
    await complaints.close(100);
    return missing > 0 ? code || 1 : code;
  };
  // A bug of which nobody knows whom it concerns. What was accepted is delivered if it still can be; and
  // better no server then than one that is half dead.
  const broken$ = new Subject<void>();
  let isBroken = false;
  process.on('uncaughtException', (failure) => {
    log.fatal(failure, 'unexpected failure');
    if (isBroken) void close(1).then((code) => process.exit(code));
    isBroken = true;
    broken$.next();
  });

  for (const note of notes) log.warn({ event: 'setting-ignored', message: note }, note);
  const write = eventLog(log);
  const received: (typeof endings)[number][] = [];
  // Where there is nothing to read again, SIGHUP comes from a terminal that closes, often twice: it begins a
  // shutdown, and cuts none short. From systemd it asks to read again all the same.
  const hangsUp = process.env.NOTIFY_SOCKET === undefined;
  const reloads = options.accounts !== undefined || options.tlsCert !== undefined;
  const signals$ = signals(process, ...endings.filter((signal) => signal !== 'SIGHUP' || !reloads)).pipe(
    filter((signal, index) => signal !== 'SIGHUP' || (hangsUp && index === 0)),
    oneOfMany(),
    tap((signal) => received.push(signal)),
  );
  const shutdown$ = merge(signals$, broken$);
  const reload$ = reloads ? signals(process, 'SIGHUP') : NEVER;
  let events$: Observable<ServerEvent | AdminEvent>;
  if (address === undefined || meter === undefined) {
    events$ = chatServer({ ...options, shutdown$, reload$ });
  } else {
    events$ = chatServer({ ...options, shutdown$, reload$, meter }).pipe(await adminEndpoint(address, meter));
  }
  let report: DrainReport | undefined;
  const untold = (why: string) => {
    log.warn({ event: 'unsupervised', message: why }, `cannot tell systemd how the server is: ${why}`);
  };
  return new Promise<number>((resolve, reject) => {
    events$
      .pipe(
        supervised(process, Math.max(1, options.listen.length), untold),
        finalize(() => {
          const cutShortBy = received[1];
          if (cutShortBy !== undefined) resolve(128 + constants.signals[cutShortBy]);
          else resolve(report?.abandoned === 0 && !isBroken ? 0 : 1);
        }),
      )
      .subscribe({
        next: (event) => {
          if (event.type === 'draining') {
            lines.makeRoom();
            // One that comes when the drain is over is not to end what is left to be said.
            for (const signal of endings) process.on(signal, () => {});
          }
          write(event);
          if (event.type === 'drained') report = event.report;
        },
        error: reject,
      });
  }).then(close);
}

/** All settings, the file's included. */
async function resolve(written: Written): Promise<Resolved<Key>> {
  return resolveSettings(written, process.env, await configOf(written));
}

async function configOf(written: Written): Promise<FileOfSettings> {
  const path = typeof written.config === 'string' ? written.config : (process.env.A_CHAT_CONFIG ?? '');
  return path === '' ? NO_FILE : readConfig(path);
}

/** Fails for settings that cannot be, and shows the others if asked to. */
async function config(written: Written): Promise<number> {
  const resolved = await resolve(written);
  for (const note of resolved.notes) say(complaint(note));
  for (const endpoint of endpointsOf(resolved.values)) {
    if (endpoint.transport === 'unix') checkFolder(endpoint.path);
  }
  if (written.print === true) process.stdout.write(await showConfig(resolved));
  return 0;
}

async function connect(endpoint: string | undefined, written: Written): Promise<number> {
  const target = targetOf(endpoint, written, process.env);
  await chat(target, await loginsOf(written), process.stdin, process.stdout);
  return 0;
}

/** What to log in with; a password is no option, for others can see those. */
async function loginsOf({ name, askPassword }: Written): Promise<Logins> {
  if (typeof name !== 'string') {
    if (askPassword === true) throw new OptionError('--ask-password needs --name: whose it is');
    return loginTyped(process.stdin);
  }
  return askPassword === true ? loginWithPassword(name, process.stdin, say) : loginAs(name);
}

async function setPassword(name: string, written: Written): Promise<number> {
  const { accounts } = resolveSettings(written, process.env, await configOf(written), ['accounts']).values;
  if (accounts === undefined) throw new OptionError('--accounts is needed: the file to write to');
  await passwd(name, accounts, process.stdin, say);
  return 0;
}

function say(text: string): void {
  process.stderr.write(text);
}

async function main(): Promise<number> {
  // Whoever reads no further, as `head`, has seen enough.
  process.stdout.on('error', (failure: NodeJS.ErrnoException) => {
    if (failure.code !== 'EPIPE') throw failure;
  });
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  const order = readCommandLine(process.argv.slice(2), version, {
    out: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(text),
  });
  switch (order.command) {
    case 'serve':
      // What nobody reads would keep the process.
      return process.exit(await serve(order.options));
    case 'connect':
      return connect(order.endpoint, order.options);
    case 'config':
      return config(order.options);
    case 'passwd':
      return setPassword(order.name, order.options);
    case 'exit':
      return order.code;
  }
}

// The code is left for the end of the event loop: `process.exit` would cut off what is still being written. A
// server has waited for that, as long as it does.
main().then(
  (code) => {
    process.exitCode = code;
  },
  (failure: unknown) => {
    const known = explain(failure);
    if (known === undefined) throw failure;
    process.stderr.write(known.lines.map(complaint).join(''));
    process.exitCode = known.code;
  },
);
