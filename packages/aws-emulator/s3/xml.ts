import { XMLBuilder, XMLParser, XMLValidator } from 'fast-xml-parser';
import { malformedXml, notImplemented } from './errors.ts';

const NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/';
const DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n';

const builder = new XMLBuilder({ ignoreAttributes: false, attributeNamePrefix: '@' });
const parser = new XMLParser({
  ignoreAttributes: true,
  // Keys such as `007` and ` a ` are text and stay as they are.
  parseTagValue: false,
  trimValues: false,
  removeNSPrefix: true,
  // Character references such as `&#xE9;` are decoded only with this.
  htmlEntities: true,
  isArray: (name) => name === 'Object' || name === 'Tag' || name === 'Part',
});

export type XmlValue = string | number | boolean | undefined | XmlValue[] | { [name: string]: XmlValue };

/** A document with S3's namespace. Members that are undefined are left out, arrays repeat their element. */
export function document(root: string, content: { [name: string]: XmlValue } | string): string {
  const body =
    typeof content === 'string'
      ? { '@xmlns': NAMESPACE, '#text': content }
      : { '@xmlns': NAMESPACE, ...content };
  return DECLARATION + builder.build({ [root]: body });
}

/** An error document, which has no namespace. */
export function errorDocument(elements: Record<string, string>): string {
  return DECLARATION + builder.build({ Error: elements });
}

export type XmlNode = { [name: string]: unknown };

/** Elements that a document may have, with those inside them. */
export interface Elements {
  [name: string]: Elements | true;
}

function checkElements(node: XmlNode, known: Elements, path: string): void {
  for (const [name, value] of Object.entries(node)) {
    if (name === '#text') continue;
    const inside = known[name];
    if (inside === undefined) throw notImplemented(`the element ${path}/${name}`);
    if (inside === true) continue;
    for (const child of [value].flat()) {
      if (typeof child === 'object' && child !== null) {
        checkElements(child as XmlNode, inside, `${path}/${name}`);
      }
    }
  }
}

/**
 * The content of `root`, its text unconverted; `Object`, `Tag` and `Part` are always arrays.
 * @param known every other element is refused
 * @throws S3Error MalformedXML, NotImplemented
 */
export function parse(text: string, root: string, known: Elements): XmlNode {
  // A document type could define entities that expand without bound; S3 has no use for one.
  if (text.includes('<!DOCTYPE') || XMLValidator.validate(text) !== true) throw malformedXml();
  const parsed = parser.parse(text) as XmlNode;
  const node = parsed[root];
  if (node === undefined) throw malformedXml();
  if (typeof node !== 'object' || node === null) return {};
  checkElements(node as XmlNode, known, root);
  return node as XmlNode;
}

/** Text of a child, undefined when there is none. */
export function textOf(node: XmlNode, name: string): string | undefined {
  const value = node[name];
  if (typeof value === 'string') return value;
  if (typeof value === 'object' && value !== null) {
    const text = (value as XmlNode)['#text'];
    if (typeof text === 'string') return text;
  }
  return undefined;
}

/** A child with children of its own, undefined when there is none. */
export function nodeOf(node: XmlNode, name: string): XmlNode | undefined {
  const value = node[name];
  return value === undefined
    ? undefined
    : typeof value === 'object' && value !== null
      ? (value as XmlNode)
      : {};
}

/** Children that `parse` made an array: `Object`, `Tag`, `Part`. */
export function nodesOf(node: XmlNode, name: string): XmlNode[] {
  const value = node[name];
  return Array.isArray(value) ? value.map((item) => (typeof item === 'object' ? (item as XmlNode) : {})) : [];
}
