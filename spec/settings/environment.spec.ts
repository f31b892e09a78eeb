import { OptionError } from '../../lib/settings/error.ts';
import { variableOf } from '../../lib/settings/option-names.ts';
import { NO_FILE, readSettings, resolveSettings } from '../../lib/settings/sources.ts';
import { keys } from '../../lib/settings/table.ts';

const DEFAULTS = resolveSettings({}, {}).values;

test('variables that look like settings and are none are refused', () => {
  for (const name of ['A_CHAT_DRAIN_TIMOUT', 'A_CHAT_', 'A_CHAT_PROT', 'A_CHAT_MY_PORT', 'A_CHAT_NAME']) {
    const mistake = new OptionError(`there is no setting for the variable ${name}`);
    expect(() => resolveSettings({}, { [name]: '5' })).toThrow(mistake);
    expect(() => readSettings(['host', 'port'], {}, { [name]: '5' })).toThrow(mistake);
    expect(resolveSettings({}, { [name]: '' }).values).toEqual(DEFAULTS);
  }
  const others = { A_CHAT_CONFIG: 'a-chat.yaml', A_CHATTER: '1', a_chat_port: '1' };
  expect(resolveSettings({}, others).values).toEqual(DEFAULTS);
});

test('empty variables are as if unset', () => {
  const empty = Object.fromEntries(keys().map((key) => [variableOf(key), '']));
  expect(resolveSettings({}, empty).values).toEqual(DEFAULTS);
});

test('what Kubernetes says of services that are called like this program is no setting', () => {
  const of = (service: string, ip: string, port: number) => ({
    [`${service}_SERVICE_HOST`]: ip,
    [`${service}_SERVICE_PORT`]: String(port),
    [`${service}_SERVICE_PORT_CHAT`]: String(port),
    [`${service}_PORT`]: `tcp://${ip}:${port}`,
    [`${service}_PORT_${port}_TCP`]: `tcp://${ip}:${port}`,
    [`${service}_PORT_${port}_TCP_PROTO`]: 'tcp',
    [`${service}_PORT_${port}_TCP_PORT`]: String(port),
    [`${service}_PORT_${port}_TCP_ADDR`]: ip,
  });
  const environment = {
    ...of('A_CHAT', '10.96.0.10', 8080),
    ...of('A_CHAT_ADMIN', 'fd00::1', 9090),
    // What Docker's links add.
    A_CHAT_NAME: '/web/a-chat',
    A_CHAT_ENV_NODE_VERSION: '22.1.0',
  };
  const resolved = resolveSettings({}, environment);
  expect(resolved.values).toEqual(DEFAULTS);
  expect(resolved.notes).toEqual([expect.stringContaining('A_CHAT_PORT')]);
  expect(resolveSettings({ port: '1' }, environment).values.port).toBe(1);
  const file = {
    ...NO_FILE,
    given: new Map([['port' as const, { value: '2', place: 'a-chat.yaml:1:1' }]]),
  };
  expect(resolveSettings({}, environment, file).values.port).toBe(2);
  expect(resolveSettings({}, { A_CHAT_PORT: '3' }).notes).toEqual([]);
});
