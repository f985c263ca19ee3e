import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns';
import { BlockList, isIPv4, type LookupFunction } from 'node:net';

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

/** Addresses that are not on the public internet: IANA's special-purpose address registries (RFC 6890). */
const SPECIAL_IPV4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/4',
  '240.0.0.0/4',
];
/** Of IPv6 only global unicast is public at all, and of it not what embeds or documents other addresses. */
const GLOBAL_IPV6 = ['2000::/3'];
const SPECIAL_IPV6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'];

function blockList(subnets: string[], family: 'ipv4' | 'ipv6'): BlockList {
  const list = new BlockList();
  for (const subnet of subnets) {
    const [network = '', prefix] = subnet.split('/');
    list.addSubnet(network, Number(prefix), family);
  }
  return list;
}
/** Made when first needed, which the first event does while it waits: at each start they would cost it a millisecond. */
let lists: { specialIpv4: BlockList; globalIpv6: BlockList; specialIpv6: BlockList } | undefined;
const listsOnce = () => {
  lists ??= {
    specialIpv4: blockList(SPECIAL_IPV4, 'ipv4'),
    globalIpv6: blockList(GLOBAL_IPV6, 'ipv6'),
    specialIpv6: blockList(SPECIAL_IPV6, 'ipv6'),
  };
  return lists;
};

/** Whether an IP address belongs to the public internet. An IPv4 address in IPv6 clothes does not. */
export function isPublic(address: string): boolean {
  const { specialIpv4, globalIpv6, specialIpv6 } = listsOnce();
  return isIPv4(address)
    ? !specialIpv4.check(address, 'ipv4')
    : globalIpv6.check(address, 'ipv6') && !specialIpv6.check(address, 'ipv6');
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
  listsOnce();
};
