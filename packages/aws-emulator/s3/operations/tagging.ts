import { type Answer, xmlAnswer } from '../answer.ts';
import { readText } from '../body.ts';
import { malformedXml, noSuchKey } from '../errors.ts';
import {
  checkVersionId,
  type Exchange,
  type Location,
  readable,
  tagContext,
  targetOf,
  versionHeader,
} from '../exchange.ts';
import { checkTags, type Tags } from '../tags.ts';
import { nodesOf, parse, textOf, type XmlNode } from '../xml.ts';

function locate(exchange: Exchange): Location {
  const { bucket, key } = targetOf(exchange);
  return { bucket, key, versionId: checkVersionId(exchange.request.query.get('versionId')) };
}

export async function getObjectTagging(exchange: Exchange): Promise<Answer> {
  const version = readable(exchange, locate(exchange), 'GetObjectTagging');
  return xmlAnswer(
    'Tagging',
    { TagSet: { Tag: version.tags.map(([Key, Value]) => ({ Key, Value })) } },
    versionHeader(exchange, version),
  );
}

function parseTagging(text: string): Tags {
  const set = parse(text, 'Tagging').TagSet;
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

export async function putObjectTagging(exchange: Exchange): Promise<Answer> {
  const { request, identity, store, occasion } = exchange;
  const location = locate(exchange);
  const tags = parseTagging(await readText(request, identity.payload));
  const version = readable(exchange, location, 'PutObjectTagging', tagContext('Request', tags));
  if (!store.setTags(version, tags, occasion)) throw noSuchKey(location.key);
  return { status: 200, headers: versionHeader(exchange, version) };
}

export async function deleteObjectTagging(exchange: Exchange): Promise<Answer> {
  const version = readable(exchange, locate(exchange), 'DeleteObjectTagging');
  if (!exchange.store.setTags(version, [], exchange.occasion)) throw noSuchKey(version.key);
  return { status: 204, headers: versionHeader(exchange, version) };
}
