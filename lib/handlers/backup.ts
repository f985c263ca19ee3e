import { keyOf } from '../aws/s3-event.ts';
import { backUp } from '../images/backup.ts';
import type { Log, ObjectStore } from '../ports.ts';

/** An image was tagged or a record created: put a verified copy into the backup, or bring its tags into step. */
export const createBackup =
  ({ images, backup, log }: { images: ObjectStore; backup: ObjectStore; log: Log }) =>
  async (event: unknown) => {
    const key = keyOf(event, images.bucket);
    try {
      return { key, backup: await backUp(images, backup, key) };
    } catch (error) {
      log.error('not backed up', { key, error });
      throw error;
    }
  };
