import type { ObjectStore } from '../../lib/ports.ts';
import { manifestKey, planKey } from '../../lib/records/keys.ts';
import { CommandError, EXIT } from '../exit.ts';
import type { Cloud } from './cloud.ts';
import { readPurged } from './purged.ts';

/** One image of a manifest. */
export interface NamedImage {
  key: string;
  /** Hex. */
  sha256: string;
  bytes: number;
  /** `ok`, `quarantined`, or undefined if it was never judged. */
  status?: string;
}

/** The parts of a manifest that verify and restore need. */
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

/** The records of an audit that are backed up. */
export const recordKeys = (audit: string) => [
  planKey(audit),
  manifestKey(audit, 'json'),
  manifestKey(audit, 'csv'),
];

/**
 * The manifest of an audit, from the backup if the images bucket has none. An audit has at most 10,000 cells, so the
 * manifest fits into memory.
 * @throws {CommandError} if neither bucket has one
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

/** Undefined also for a damaged manifest, so that the caller tries the backup. */
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
    return new CommandError(
      EXIT.refused,
      `Audit ${audit} was purged on ${whole.at.slice(0, 10)}. Reason: ${whole.reason}`,
    );
  return (await images.exists(planKey(audit)))
    ? new CommandError(
        EXIT.refused,
        `Audit ${audit} has no manifest yet. It is written some seconds after the last image is backed up. Try again then.`,
      )
    : new CommandError(
        EXIT.refused,
        `There is no audit ${audit} in ${images.bucket}, and no manifest of it in the backup. Check the id with "npx weaudit list".`,
      );
}
