import type { Entry } from './entries.ts';

/** Lists every file of a download with its SHA-256, as `sha256sum --check` reads it. */
export const SUMS = 'SHA256SUMS';

/** @param sha256 in hexadecimal digits */
export const sumLine = (path: string, sha256: string): string => `${sha256}  ${path}\n`;

/**
 * The lines of a download: images as the pipeline recorded them, also those that could not be fetched, then everything else
 * as it was written.
 * @param written SHA-256 of each other file, by path
 */
export const sumLines = (entries: readonly Entry[], written: Iterable<[string, string]>): string[] => [
  ...entries.flatMap(({ images }) =>
    images.flatMap(({ file, sha256 }) => (file && sha256 ? sumLine(file, sha256) : [])),
  ),
  ...Array.from(written, ([path, sha256]) => sumLine(path, sha256)),
];
