import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { access, link, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { imageKey } from '../../lib/records/keys.ts';
import { CommandError, createFolder, EXIT } from '../exit.ts';
import type { Cloud } from './cloud.ts';
import { isMissing } from './faults.ts';
import { readManifest } from './manifest.ts';

/** Bytes that were saved. */
export interface SavedEvidence {
  key: string;
  file: string;
  bytes: number;
  /** Hex; the manifest names the same. */
  sha256: string;
  /** What `tag` judged them to be. */
  status: string | undefined;
}

/**
 * Saves what a model returned as bytes, also where it is quarantined. They come from the backup: the policy of the images
 * bucket lets nobody outside the pipeline read what is no valid image. The file ends in `.bin`, so that no program opens it
 * by itself, and it gets its name only after its SHA-256 was compared with the manifest.
 * @throws {CommandError} if there are no such bytes, they are damaged, or the file exists
 */
export async function saveEvidence(
  cloud: Cloud,
  audit: string,
  { n, index, folder }: { n: number; index: number; folder: string },
): Promise<SavedEvidence> {
  const key = imageKey(audit, n, index);
  const image = (await readManifest(cloud, audit)).images.find((named) => named.key === key);
  if (!image)
    throw new CommandError(
      EXIT.refused,
      `The manifest of audit ${audit} names no stored output ${index} of cell ${n}. The large view of the page shows both numbers in its command.`,
    );
  const file = path.join(folder, `${key.split('/').slice(1).join('-')}.bin`);
  if (await exists(file))
    throw new CommandError(EXIT.usage, `${file} exists. Remove it, or choose another folder with --output.`);
  await createFolder(folder);
  const part = `${file}.part`;
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    const { Body } = await cloud.backup.client.send(
      new GetObjectCommand({ Bucket: cloud.backup.bucket, Key: key }),
    );
    await pipeline(
      Body as Readable,
      async function* (pieces) {
        for await (const piece of pieces) {
          hash.update(piece as Buffer);
          bytes += (piece as Buffer).length;
          yield piece;
        }
      },
      createWriteStream(part, { mode: 0o600 }),
    );
    const sha256 = hash.digest('hex');
    if (sha256 !== image.sha256)
      throw new CommandError(
        EXIT.incomplete,
        `The backup of ${key} is damaged: its SHA-256 is ${sha256}, and the manifest names ${image.sha256}. Nothing was saved. Check the audit with "npx weaudit verify ${audit}".`,
      );
    // A link, unlike a rename, replaces no file.
    await link(part, file);
    return { key, file, bytes, sha256, status: image.status };
  } catch (error) {
    if (isMissing(error))
      throw new CommandError(
        EXIT.incomplete,
        `The backup has no ${key}. It may have been purged: "npx weaudit verify ${audit}" says so.`,
      );
    throw error;
  } finally {
    await rm(part, { force: true });
  }
}

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );
