import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';

/** An address that is not fetched, whatever happens. */
export class RefusedAddress extends Error {
  override name = 'RefusedAddress';
}

/** Longer ones are no URL that Replicate makes. */
const MAX_URL = 2_048;

/**
 * An allowed origin such as `https://replicate.delivery`, or `https://*.replicate.delivery` for any host below
 * it. Anything but https must be configured to the letter, as the stand-in on one machine is.
 */
function matches(origin: string, url: URL): boolean {
  const [scheme, host = ''] = origin.split('://');
  if (`${scheme}:` !== url.protocol) return false;
  return host.startsWith('*.')
    ? url.port === '' && url.hostname.endsWith(host.slice(1)) && url.hostname.length > host.length - 1
    : url.host === host;
}

/**
 * The URL of an output, if it may be fetched: of a configured origin, with no credentials in it.
 * @param origins such as `https://replicate.delivery`, `https://*.replicate.delivery`
 * @throws {RefusedAddress}
 */
export function allowedUrl(address: string, origins: string[]): URL {
  if (address.length > MAX_URL) throw new RefusedAddress(`the address has ${address.length} characters`);
  let url: URL;
  try {
    url = new URL(address);
  } catch {
    throw new RefusedAddress('the address is no URL');
  }
  if (url.username !== '' || url.password !== '') throw new RefusedAddress('the address holds credentials');
  if (!origins.some((origin) => matches(origin, url)))
    throw new RefusedAddress(`images are not fetched from ${url.protocol}//${url.host}`.slice(0, 200));
  return url;
}

/** Whether an IP address belongs to the public internet (not loopback, private, link-local, metadata …). */
function isPublic(address: string): boolean {
  return ipaddr.process(address).range() === 'unicast';
}

/**
 * DNS look-up for the connection itself, so that a name cannot be checked with one answer and connected with
 * another. Every address that it hands on is public.
 */
export const publicLookup: LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, addresses: LookupAddress[]) => {
    if (error) return callback(error, '', 0);
    const refused = addresses.find(({ address }) => !isPublic(address));
    const [first] = addresses;
    if (refused || !first)
      return callback(new RefusedAddress(`${hostname} resolves to ${refused?.address ?? 'nothing'}`), '', 0);
    return options.all ? callback(null, addresses) : callback(null, first.address, first.family);
  });
};
