/** A place where a server listens and a client connects. */
export type Endpoint =
  | { readonly transport: 'tcp' | 'tls'; readonly host: string; readonly port: number }
  | { readonly transport: 'unix'; readonly path: string }
  /** Sockets that systemd listens on, and hands over under a name. */
  | { readonly transport: 'systemd' | 'systemd+tls'; readonly name: string };

/** The forms of an endpoint, for error messages. */
export const ENDPOINT_FORMS =
  'tcp://<address>:<port>, tls://<address>:<port>, unix:<path>, systemd:<name> or systemd+tls:<name>';

/** An address and a port. An address with colons is in brackets. */
const NETWORK = /^(tcp|tls):\/\/(?:\[([^\]\s]+)\]|([^:/?#@[\]\s]+)):(\d{1,5})$/;

/** A path. In the form of a URL an absolute path has two more slashes before it. */
const UNIX = /^unix:(?:\/\/(?=\/))?([^\0]+)$/;

/** A `FileDescriptorName=`, which contains no colon. */
const SYSTEMD = /^(systemd(?:\+tls)?):([^:/\s]+)$/;

/**
 * Parses `tcp://127.0.0.1:8080`, `tls://[::1]:8443`, `unix:/run/a-chat.sock` or `systemd:chat`; `undefined`
 * for any other text.
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

/** Parses `127.0.0.1:9090`, `[::1]:9090`, or `9090`, a port of 127.0.0.1; `undefined` for any other text. */
export function parseAddress(text: string): { host: string; port: number } | undefined {
  const address = /^\d+$/.test(text) ? `127.0.0.1:${text}` : text;
  const endpoint = parseEndpoint(`tcp://${address}`);
  return endpoint?.transport === 'tcp' ? endpoint : undefined;
}

/** An endpoint as text, for `parseEndpoint`. */
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

/** Whether clients speak TLS at this endpoint. */
export function isSecure({ transport }: Endpoint): boolean {
  return transport === 'tls' || transport === 'systemd+tls';
}

/** An address and port as text. */
export function showAddress(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The address and port of an endpoint. A path or a name stands in place of an address. */
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
