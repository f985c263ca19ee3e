import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { allowedUrl, isPublic } from '../../lib/images/origins.ts';

const ORIGINS = ['https://replicate.delivery', 'https://*.replicate.delivery'];

test.each(['https://replicate.delivery/a/out.png', 'https://pbxt.replicate.delivery/x/y.webp?z=1'])(
  '%s may be fetched',
  (address) => {
    expect(allowedUrl(address, ORIGINS).href).toBe(address);
  },
);

test.each([
  'http://replicate.delivery/a.png',
  'https://example.com/a.png',
  'https://replicate.delivery.evil.example/a.png',
  'https://evilreplicate.delivery/a.png',
  'https://replicate.delivery@evil.example/a.png',
  'https://user:secret@replicate.delivery/a.png',
  'https://replicate.delivery:8443/a.png',
  'https://x.replicate.delivery:444/a.png',
  'https://169.254.169.254/latest/meta-data/',
  'https://[::1]/a.png',
  'https://127.0.0.1/a.png',
  'https://2130706433/a.png',
  'file:///etc/passwd',
  'ftp://replicate.delivery/a.png',
  'javascript:alert(1)',
  'not a url',
  '',
  `https://replicate.delivery/${'a'.repeat(100_000)}`,
])('%.60s is refused', (address) => {
  expect(() => allowedUrl(address, ORIGINS)).toThrow(expect.objectContaining({ name: 'RefusedAddress' }));
});

test('whatever is written around an allowed host, only https to that host on its own port is ever asked', () => {
  const part = fc.constantFrom(
    'https://',
    'http://',
    'replicate.delivery',
    '@',
    ':',
    '443',
    '8443',
    '/',
    '\\',
    '.',
    'evil.example',
    '#',
    '?',
    '\t',
    '%2e',
    'x',
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 9 }), (parts) => {
      let url: URL;
      try {
        url = allowedUrl(parts.join(''), ORIGINS);
      } catch (error) {
        expect(error).toMatchObject({ name: 'RefusedAddress' });
        return;
      }
      expect(url.origin).toMatch(/^https:\/\/([a-z0-9.-]+\.)?replicate\.delivery$/);
      expect(url.username + url.password).toBe('');
    }),
    { numRuns: 2_000 },
  );
});

describe('an address that a name resolves to', () => {
  test.each(['8.8.8.8', '104.18.0.1', '172.32.0.1', '2606:4700::1111'])('%s is public', (address) => {
    expect(isPublic(address)).toBe(true);
  });

  test.each([
    '0.0.0.0',
    '10.1.2.3',
    '100.64.0.1',
    '127.0.0.1',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '198.18.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:10.0.0.1',
    '::ffff:8.8.8.8',
    'fe80::1',
    'fd00::1',
    '2001:db8::1',
    '2002:a00:1::',
    '64:ff9b::a00:1',
    'ff02::1',
  ])('%s is not', (address) => {
    expect(isPublic(address)).toBe(false);
  });
});
