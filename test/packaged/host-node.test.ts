import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** What `npm ci` says at its end when npm runs with this Node. */
function said(version: string): string {
  const npm_config_user_agent = `npm/11.19.1 node/v${version} linux x64 workspaces/false`;
  return execFileSync(
    process.execPath,
    ['-e', "console.error = console.log; require('./build/host-node.cjs')"],
    {
      env: { ...process.env, npm_config_user_agent },
      encoding: 'utf8',
    },
  );
}

test.each(['22.13.0', '22.23.3', '24.0.0', '24.21.0', '25.2.1', '26.0.0'])(
  'npm ci says nothing on Node %s',
  (version) => {
    expect(said(version)).toBe('');
  },
);

test.each(['18.20.8', '20.20.2', '22.12.0', '23.11.1'])(
  'npm ci says in a sentence that Node %s is not supported, and what to do',
  (version) => {
    expect(said(version)).toMatch(
      new RegExp(`^Node ${version} is not supported.*use Node 22\\.13 or newer.*\n$`),
    );
  },
);

test('npm warns on the same versions', () => {
  const { engines, scripts } = JSON.parse(readFileSync('package.json', 'utf8'));
  expect(engines.node).toBe('^22.13.0 || >=24');
  expect(scripts.postinstall).toBe('node build/host-node.cjs');
});
