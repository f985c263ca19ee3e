import type { Study } from '../contract/answers.ts';

/** How the manifest of a study begins. */
export const OF_STUDY = '{"study":';

/** The manifest of one audit, as text. */
export interface ManifestText {
  audit: string;
  /** The JSON of `{audit, createdAt}`. */
  head: () => string | Promise<string>;
  /** Each cell as JSON. */
  cells: () => Iterable<string> | AsyncIterable<string>;
}

/** What this reads of a cell. Only images that were downloaded have a file. */
interface Cell {
  images: { file?: string }[];
}

/** A cell whose files are named from the folder of the study. */
const inFolder = (audit: string, { images, ...cell }: Cell) => ({
  ...cell,
  images: images.map((image) => ({ ...image, ...(image.file ? { file: `${audit}/${image.file}` } : {}) })),
});

/** A row of the CSV of an audit, in that of the study. */
export const rowOfStudy = (audit: string, row: Record<string, string>): Record<string, string> => ({
  ...row,
  audit,
  ...(row.file ? { file: `${audit}/${row.file}` } : {}),
});

/** `{study, audits: [{audit, createdAt}], cells: [{audit, n, …}]}` in pieces of a cell. */
export async function* studyManifest(study: Study, audits: readonly ManifestText[]): AsyncGenerator<string> {
  const { audits: _entries, ...identity } = study;
  yield `${OF_STUDY}${JSON.stringify(identity)},"audits":[`;
  let between = '\n';
  for (const { head } of audits) {
    yield `${between}${await head()}`;
    between = ',\n';
  }
  yield '\n],"cells":[';
  between = '\n';
  for (const { audit, cells } of audits)
    for await (const line of cells()) {
      yield `${between}${JSON.stringify({ audit, ...inFolder(audit, JSON.parse(line) as Cell) })}`;
      between = ',\n';
    }
  yield '\n]}\n';
}
