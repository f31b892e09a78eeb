import type { Subscription } from 'rxjs';
import { type ServerEvent, type ServerOptions, chatServer } from '../../lib/index.ts';
import { Peer, type Place } from './peer.ts';
import { until } from './until.ts';

type EventOf<T extends ServerEvent['type']> = Extract<ServerEvent, { type: T }>;

/** A server waits longer than a slow machine may need, unless a test is about how long. */
const PATIENT = { loginTimeout: 60_000, writeTimeout: 60_000, drainTimeout: 60_000 };

const started = new Set<Server>();

/** For `afterEach`: stops every server that a test started, and the peers that it made through them. */
export function stopServers(): void {
  for (const server of started) server.stop();
  started.clear();
}

/** A server in this process, on a free port unless told otherwise, with all that it told. */
export class Server {
  readonly events: ServerEvent[] = [];
  failure: unknown;
  completed = false;
  readonly #peers: Peer[] = [];
  readonly #subscription: Subscription;

  constructor(options: Partial<ServerOptions> = {}) {
    this.#subscription = chatServer({ port: 0, ...PATIENT, ...options }).subscribe({
      next: (event) => this.events.push(event),
      error: (failure: unknown) => (this.failure = failure),
      complete: () => (this.completed = true),
    });
    started.add(this);
  }

  /** Resolves when the server listens. */
  static async start(options: Partial<ServerOptions> = {}): Promise<Server> {
    const server = new Server(options);
    await server.told('listening');
    return server;
  }

  get port(): number {
    const [{ port } = {}] = this.all('listening');
    if (port === undefined) throw new Error('the server does not listen on a port');
    return port;
  }

  all<T extends ServerEvent['type']>(type: T): EventOf<T>[] {
    return this.events.filter((event): event is EventOf<T> => event.type === type);
  }

  /** The first event of this type for which `fits` holds, waited for. */
  async told<T extends ServerEvent['type']>(
    type: T,
    fits: (event: EventOf<T>) => boolean = () => true,
  ): Promise<EventOf<T>> {
    const find = () => this.all(type).find(fits);
    await until(
      () => find() !== undefined || this.failure !== undefined,
      () => `event ${type}; came ${JSON.stringify(this.events)}`,
    );
    const event = find();
    if (event === undefined) throw new Error(`no event ${type}`, { cause: this.failure });
    return event;
  }

  /** A connection, to the first port unless told otherwise, that has not said anything yet. */
  connect(at: Place = this.port): Peer {
    const peer = new Peer(at);
    this.#peers.push(peer);
    return peer;
  }

  /** Connects and logs in; resolves when the server took the login. */
  async login(name: string): Promise<Peer> {
    const peer = this.connect();
    peer.send(`${name}\n`);
    await this.told('joined', ({ remote }) => remote === peer.address);
    return peer;
  }

  /** Those of these names, logged in one after the other. */
  async logins<const Names extends readonly string[]>(
    ...names: Names
  ): Promise<{ [Index in keyof Names]: Peer }> {
    const peers: Peer[] = [];
    for (const name of names) peers.push(await this.login(name));
    return peers as { [Index in keyof Names]: Peer };
  }

  /** Resolves when the server has completed. */
  async drained(): Promise<void> {
    await until(() => this.completed, 'the server to be drained');
  }

  /** A whole session: sends `input`, half-closes, and resolves with all that came. */
  async converse(...input: (string | Buffer)[]): Promise<string> {
    const peer = this.connect();
    for (const part of input) peer.send(part);
    peer.end();
    return peer.whole();
  }

  unsubscribe(): void {
    this.#subscription.unsubscribe();
  }

  stop(): void {
    this.unsubscribe();
    for (const { socket } of this.#peers) socket.destroy();
  }
}
