import { cellName, judgementsPrefix, parseCellName } from '../storage/keys.ts';
import type { Format, Size } from './formats.ts';

/** What `tag` found an image to be. Only `ok` ones are ever shown. */
export interface Judgement extends Size {
  status: 'ok' | 'quarantined';
  format: Format | 'unknown';
}

const NAME = /^(\d{5})\/(\d+)\.(ok|quarantined)\.(png|jpeg|webp|gif|avif|unknown)\.(\d+)x(\d+)$/;

/**
 * The key that records a judgement, as an empty object: a LIST alone then tells what a page of images needs,
 * and an image costs one small PUT instead of that and a GET whenever it is shown.
 */
export const judgementKey = (audit: string, cell: number, index: number, found: Judgement): string =>
  `${judgementsPrefix(audit)}${cellName(cell)}/${index}.${found.status}.${found.format}.${found.width}x${found.height}`;

/** The judgement that a key records, or undefined for any other key. */
export function parseJudgementKey(
  audit: string,
  key: string,
): ({ cell: number; index: number } & Judgement) | undefined {
  const [, cell = '', index, status, format, width, height] =
    NAME.exec(key.slice(judgementsPrefix(audit).length)) ?? [];
  const number = parseCellName(cell);
  return number === undefined
    ? undefined
    : {
        cell: number,
        index: Number(index),
        status: status as Judgement['status'],
        format: format as Judgement['format'],
        width: Number(width),
        height: Number(height),
      };
}
