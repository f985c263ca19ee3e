import { tagContext } from '../access.ts';
import { type Answer, versionHeader, xmlAnswer } from '../answer.ts';
import { readText } from '../body.ts';
import { malformedXml, noSuchKey } from '../errors.ts';
import type { Exchange } from '../exchange.ts';
import { readable } from '../readable.ts';
import { checkTags, type Tags } from '../tags.ts';
import { checkVersionId, type Location, type Target } from '../target.ts';
import { nodesOf, parse, textOf, type XmlNode } from '../xml.ts';

function locate(exchange: Exchange, { bucket, key }: Target): Location {
  return { bucket, key, versionId: checkVersionId(exchange.request.query.get('versionId')) };
}

export async function getObjectTagging(exchange: Exchange, target: Target): Promise<Answer> {
  const version = readable(exchange, locate(exchange, target), 'GetObjectTagging');
  return xmlAnswer(
    'Tagging',
    { TagSet: { Tag: version.tags.map(([Key, Value]) => ({ Key, Value })) } },
    versionHeader(exchange.store, version),
  );
}

function parseTagging(text: string): Tags {
  const set = parse(text, 'Tagging', { TagSet: { Tag: { Key: true, Value: true } } }).TagSet;
  if (set === undefined) throw malformedXml();
  const nodes = typeof set === 'object' && set !== null ? nodesOf(set as XmlNode, 'Tag') : [];
  const tags = nodes.map((node) => {
    const [key, value] = [textOf(node, 'Key'), textOf(node, 'Value')];
    if (key === undefined || value === undefined) throw malformedXml();
    return [key, value] as const;
  });
  checkTags(tags);
  return tags;
}

export async function putObjectTagging(exchange: Exchange, target: Target): Promise<Answer> {
  const { request, identity, store, occasion } = exchange;
  const location = locate(exchange, target);
  const tags = parseTagging(await readText(request, identity.payload));
  const version = readable(exchange, location, 'PutObjectTagging', tagContext('Request', tags));
  if (!store.setTags(version, tags, occasion)) throw noSuchKey(location.key);
  return { status: 200, headers: versionHeader(exchange.store, version) };
}

export async function deleteObjectTagging(exchange: Exchange, target: Target): Promise<Answer> {
  const version = readable(exchange, locate(exchange, target), 'DeleteObjectTagging');
  if (!exchange.store.setTags(version, [], exchange.occasion)) throw noSuchKey(version.key);
  return { status: 204, headers: versionHeader(exchange.store, version) };
}
