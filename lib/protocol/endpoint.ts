/** Where a server listens and a client connects. */
export type Endpoint =
  | { readonly transport: 'tcp' | 'tls'; readonly host: string; readonly port: number }
  | { readonly transport: 'unix'; readonly path: string }
  /** Sockets that systemd listens on and hands over under a name. */
  | { readonly transport: 'systemd' | 'systemd+tls'; readonly name: string };

/** What an endpoint looks like, for those who wrote something else. */
export const ENDPOINT_FORMS =
  'tcp://<address>:<port>, tls://<address>:<port>, unix:<path>, systemd:<name> or systemd+tls:<name>';

/** An address, in brackets where it has colons, and a port. */
const NETWORK = /^(tcp|tls):\/\/(?:\[([^\]\s]+)\]|([^:/?#@[\]\s]+)):(\d{1,5})$/;

/** Also in the form of a URL, which has two more slashes before an absolute path. */
const UNIX = /^unix:(?:\/\/(?=\/))?([^\0]+)$/;

/** A `FileDescriptorName=`, which holds no colon. */
const SYSTEMD = /^(systemd(?:\+tls)?):([^:/\s]+)$/;

/**
 * `tcp://127.0.0.1:8080`, `tls://[::1]:8443`, `unix:/run/a-chat.sock`, `systemd:chat`; `undefined` for what
 * is none of these.
 */
export function parseEndpoint(text: string): Endpoint | undefined {
  const path = UNIX.exec(text)?.[1];
  if (path !== undefined) return { transport: 'unix', path };
  const [, through, handed] = SYSTEMD.exec(text) ?? [];
  if (handed !== undefined)
    return { transport: through === 'systemd' ? through : 'systemd+tls', name: handed };
  const [, transport, address, name, digits] = NETWORK.exec(text) ?? [];
  const host = address ?? name;
  const port = Number(digits);
  if ((transport !== 'tcp' && transport !== 'tls') || host === undefined || port > 65535) return undefined;
  return { transport, host, port };
}

/**
 * `127.0.0.1:9090`, `[::1]:9090`, or `9090` for this machine alone; `undefined` for what is none of these.
 */
export function parseAddress(text: string): { host: string; port: number } | undefined {
  const address = /^\d+$/.test(text) ? `127.0.0.1:${text}` : text;
  const endpoint = parseEndpoint(`tcp://${address}`);
  return endpoint?.transport === 'tcp' ? endpoint : undefined;
}

/** The endpoint as one writes it. */
export function showEndpoint(endpoint: Endpoint): string {
  switch (endpoint.transport) {
    case 'unix':
      return `unix:${endpoint.path}`;
    case 'systemd':
    case 'systemd+tls':
      return `${endpoint.transport}:${endpoint.name}`;
    case 'tcp':
    case 'tls':
      return `${endpoint.transport}://${showAddress(endpoint.host, endpoint.port)}`;
  }
}

/** Whether those who come in there speak TLS. */
export function isSecure({ transport }: Endpoint): boolean {
  return transport === 'tls' || transport === 'systemd+tls';
}

/** An address and port as one writes them. */
export function showAddress(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The address and port of an endpoint, or what it has instead of an address. */
export function placeOf(endpoint: Endpoint): { address: string; port: number | undefined } {
  switch (endpoint.transport) {
    case 'tcp':
    case 'tls':
      return { address: endpoint.host, port: endpoint.port };
    case 'unix':
      return { address: endpoint.path, port: undefined };
    case 'systemd':
    case 'systemd+tls':
      return { address: endpoint.name, port: undefined };
  }
}
