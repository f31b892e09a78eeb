/** Where a server listens and a client connects. */
export type Endpoint =
  | { readonly transport: 'tcp' | 'tls'; readonly host: string; readonly port: number }
  | { readonly transport: 'unix'; readonly path: string };

/** What an endpoint looks like, for those who wrote something else. */
export const ENDPOINT_FORMS = 'tcp://<address>:<port>, tls://<address>:<port> or unix:<path>';

/** An address, in brackets where it has colons, and a port. */
const NETWORK = /^(tcp|tls):\/\/(?:\[([^\]\s]+)\]|([^:/?#@[\]\s]+)):(\d{1,5})$/;

/** Also in the form of a URL, which has two more slashes before an absolute path. */
const UNIX = /^unix:(?:\/\/(?=\/))?([^\0]+)$/;

/** `tcp://127.0.0.1:8080`, `tls://[::1]:8443`, `unix:/run/a-chat.sock`; `undefined` for what is none of these. */
export function parseEndpoint(text: string): Endpoint | undefined {
  const path = UNIX.exec(text)?.[1];
  if (path !== undefined) return { transport: 'unix', path };
  const [, transport, address, name, digits] = NETWORK.exec(text) ?? [];
  const host = address ?? name;
  const port = Number(digits);
  if ((transport !== 'tcp' && transport !== 'tls') || host === undefined || port > 65535) return undefined;
  return { transport, host, port };
}

/** `127.0.0.1:9090`, `[::1]:9090`, or `9090` for this machine alone; `undefined` for what is none of these. */
export function parseAddress(text: string): { host: string; port: number } | undefined {
  const address = /^\d+$/.test(text) ? `127.0.0.1:${text}` : text;
  const endpoint = parseEndpoint(`tcp://${address}`);
  return endpoint?.transport === 'tcp' ? endpoint : undefined;
}

/** The endpoint as one writes it. */
export function showEndpoint(endpoint: Endpoint): string {
  if (endpoint.transport === 'unix') return `unix:${endpoint.path}`;
  return `${endpoint.transport}://${showAddress(endpoint.host, endpoint.port)}`;
}

/** An address and port as one writes them. */
export function showAddress(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
