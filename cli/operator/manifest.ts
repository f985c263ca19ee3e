import type { ObjectStore } from '../../lib/ports.ts';
import { manifestKey, planKey } from '../../lib/records/keys.ts';
import { CommandError, EXIT } from '../exit.ts';
import type { Cloud } from './cloud.ts';
import { readPurged } from './purged.ts';

/** One image that a manifest names. */
export interface NamedImage {
  key: string;
  /** Hex. */
  sha256: string;
  bytes: number;
  /** `ok`, `quarantined`, or undefined where it was never judged. */
  status?: string;
}

/** What verify and restore need of a manifest. */
export interface ManifestFacts {
  audit: string;
  retention: string;
  createdAt: string;
  images: NamedImage[];
}

interface Manifest {
  audit: { id: string; retention: string };
  createdAt: string;
  cells: { images: (Partial<NamedImage> & { error?: string })[] }[];
}

/** Records that the backup has beside the images. */
export const recordKeys = (audit: string) => [
  planKey(audit),
  manifestKey(audit, 'json'),
  manifestKey(audit, 'csv'),
];

/**
 * The manifest of an audit, from the backup where the bucket has lost it. At most 10,000 cells, so that it fits
 * into memory.
 * @throws {CommandError} where neither has one
 */
export async function readManifest({ images, backup }: Cloud, audit: string): Promise<ManifestFacts> {
  const key = manifestKey(audit, 'json');
  const manifest = (await read(images, key)) ?? (await read(backup, key));
  if (!manifest) throw await absence(images, audit);
  return {
    audit,
    retention: manifest.audit.retention,
    createdAt: manifest.createdAt,
    images: manifest.cells.flatMap((cell) =>
      cell.images.filter(
        (image): image is NamedImage => image.key !== undefined && image.sha256 !== undefined,
      ),
    ),
  };
}

/** A manifest that is damaged is as good as none: the backup's is tried then. */
async function read(store: ObjectStore, key: string): Promise<Manifest | undefined> {
  try {
    return (await store.readJson<Manifest>(key))?.value;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

async function absence(images: ObjectStore, audit: string): Promise<CommandError> {
  const { whole } = await readPurged(images, audit);
  if (whole)
    return new CommandError(EXIT.refused, `Audit ${audit} was purged at ${whole.at}: ${whole.reason}`);
  return (await images.exists(planKey(audit)))
    ? new CommandError(
        EXIT.refused,
        `Audit ${audit} has no manifest yet: it is written some minutes after the last prediction has ended.`,
      )
    : new CommandError(
        EXIT.refused,
        `There is no audit ${audit} in ${images.bucket}, and no manifest of it in the backup.`,
      );
}
