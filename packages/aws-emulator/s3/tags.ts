import { S3Error } from './errors.ts';

/** An object's tags in the order they were given. */
export type Tags = readonly (readonly [key: string, value: string])[];

const MAX_TAGS = 10;
const MAX_KEY_CHARACTERS = 128;
const MAX_VALUE_CHARACTERS = 256;
/** Letters, numbers and spaces of any script, and these signs ("Tagging and access control policies", S3 user guide). */
const ALLOWED = /^[\p{L}\p{N}\p{Z}+\-=._:/@]*$/u;

/** Throws InvalidTag or BadRequest where S3's limits are exceeded. */
export function checkTags(tags: Tags): void {
  if (tags.length > MAX_TAGS)
    throw new S3Error('BadRequest', `Object tags cannot be greater than ${MAX_TAGS}`);
  const seen = new Set<string>();
  for (const [key, value] of tags) {
    if (key === '' || [...key].length > MAX_KEY_CHARACTERS || !ALLOWED.test(key)) {
      throw new S3Error('InvalidTag', 'The TagKey you have provided is invalid', { TagKey: key });
    }
    if (key.toLowerCase().startsWith('aws:')) {
      throw new S3Error('InvalidTag', 'System tags cannot be added/updated by requester', { TagKey: key });
    }
    if ([...value].length > MAX_VALUE_CHARACTERS || !ALLOWED.test(value)) {
      throw new S3Error('InvalidTag', 'The TagValue you have provided is invalid', {
        TagKey: key,
        TagValue: value,
      });
    }
    if (seen.has(key)) {
      throw new S3Error('InvalidTag', 'Cannot provide multiple Tags with the same key', { TagKey: key });
    }
    seen.add(key);
  }
}

/** Tags from the header `x-amz-tagging`, which is encoded like a query string. Throws InvalidArgument and as `checkTags`. */
export function parseTagHeader(header: string): Tags {
  const malformed = () =>
    new S3Error(
      'InvalidArgument',
      "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.",
      { ArgumentName: 'x-amz-tagging', ArgumentValue: header },
    );
  const decode = (text: string) => {
    try {
      return decodeURIComponent(text.replaceAll('+', ' '));
    } catch {
      throw malformed();
    }
  };
  const tags = header
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const at = pair.indexOf('=');
      return at < 0
        ? ([decode(pair), ''] as const)
        : ([decode(pair.slice(0, at)), decode(pair.slice(at + 1))] as const);
    });
  if (new Set(tags.map(([key]) => key)).size < tags.length) throw malformed();
  checkTags(tags);
  return tags;
}
