import net from 'node:net';
import { Server, stopServers } from './support/server.ts';

afterEach(stopServers);

describe('connections that the system cannot hand over', () => {
  it('are told of once until it can again, and whoever is here goes on', async () => {
    const created = jest.spyOn(net, 'createServer');
    const server = await Server.start();
    const listener = created.mock.results[0]?.value as net.Server;
    created.mockRestore();
    const alice = await server.login('alice');

    listener.emit('error', new Error('accept EMFILE'));
    listener.emit('error', new Error('accept EMFILE'));
    expect(server.all('failing')).toEqual([{ type: 'failing', message: 'accept EMFILE' }]);
    alice.send('alice: here\n');
    await alice.heard('from alice: here\n');

    await server.login('bob');
    listener.emit('error', new Error('accept ENFILE'));
    expect(server.all('failing')).toHaveLength(2);
  });
});
