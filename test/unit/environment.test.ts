import childProcess, { execFile, fork, spawn } from 'node:child_process';
import http from 'node:http';
import net from 'node:net';

describe('a unit test', () => {
  test.each<[string, () => unknown]>([
    ['spawn', () => spawn(process.execPath, ['--version'])],
    ['fork', () => fork('nothing.js')],
    ['execFile', () => execFile(process.execPath, ['--version'])],
    ['spawnSync', () => childProcess.spawnSync(process.execPath, ['--version'])],
    ['execSync', () => childProcess.execSync('node --version')],
    ['execFileSync', () => childProcess.execFileSync(process.execPath, ['--version'])],
  ])('starts no process by %s', (_, start) => {
    expect(start).toThrow('A unit test started a process');
  });

  test('opens no server and no connection', async () => {
    expect(() => http.createServer().listen(0)).toThrow('A unit test opened a server');
    expect(() => net.connect(80, '127.0.0.1')).toThrow('A unit test opened a connection');
    const refused = await fetch('http://127.0.0.1/').catch((error: Error) => error.cause);
    expect(refused).toMatchObject({ message: expect.stringContaining('A unit test opened a connection') });
  });
});
