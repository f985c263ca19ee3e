import type { Entry, ImageEntry } from '../../lib/download/entries.ts';

/**
 * `metadata.jsonl` for the `imagefolder` loader of Hugging Face `datasets`: one line for each image, with `file_name`
 * relative to the file itself. All lines have the same columns, because the loader takes the types from the first.
 * @param more further columns of an image
 */
export function* metadataLines<Described extends Entry>(
  entries: Iterable<Described>,
  factors: string[],
  more: (entry: Described, image: ImageEntry) => object = () => ({}),
): Generator<string> {
  for (const entry of entries) {
    const {
      n,
      prompt,
      factors: values = {},
      model,
      version,
      sample,
      seed,
      seedSource,
      ...cell
    }: Entry = entry;
    const withStatus = (status: string) => cell.images.filter((image) => image.status === status).length;
    for (const image of cell.images) {
      const { index, file, sha256, width, height, blank, animated, alpha, c2pa } = image;
      if (file === undefined) continue;
      const line = {
        file_name: file.slice(file.indexOf('/') + 1),
        cell: n,
        index,
        prompt,
        model,
        version,
        sample,
        // Of one type in every line: a seed of more digits than a number holds is in the text alone.
        seed: typeof seed === 'number' ? seed : null,
        seed_text: seed === null ? null : String(seed),
        seed_source: seedSource,
        sha256,
        width: width ?? null,
        height: height ?? null,
        blank: blank ?? null,
        animated: animated ?? null,
        alpha: alpha ?? null,
        c2pa: c2pa ?? null,
        // Of the cell: images that are missing here, and why.
        asked: cell.asked ?? null,
        returned: cell.returned ?? null,
        filtered: cell.filtered ?? null,
        quarantined: withStatus('quarantined'),
        lost: withStatus('lost'),
        ...Object.fromEntries(
          factors.map((name) => [`factor_${name}`, Object.hasOwn(values, name) ? values[name] : null]),
        ),
        ...more(entry, image),
      };
      yield `${JSON.stringify(line)}\n`;
    }
  }
}
