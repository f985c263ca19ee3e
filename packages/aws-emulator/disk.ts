import { statfsSync } from 'node:fs';
import { isDiskFull } from '@weaudit/sqlite/full-disk';

const LOOK_MS = 1000;
/** Free bytes from which on the disk counts as having room again. */
const ROOM_BYTES = 256 * 1024;

export interface Disk {
  /** True for an error that says the disk is full. The first is said, and later that there is room again. */
  full(error: unknown): boolean;
}

/** Watches the disk of a folder from the first write that found no room until there is some. */
export function watchDisk(folder: string, warn: (message: string) => void): Disk {
  let watching: NodeJS.Timeout | undefined;

  function look(): void {
    const { bavail, bsize } = statfsSync(folder);
    if (bavail * bsize < ROOM_BYTES) return;
    clearInterval(watching);
    watching = undefined;
    warn(`The disk of ${folder} has room again.`);
  }

  return {
    full(error) {
      if (!isDiskFull(error)) return false;
      if (watching === undefined) {
        warn(
          `The disk of ${folder} is full. Writes are answered with 503 until there is room; nothing that was accepted is lost. Free some space.`,
        );
        watching = setInterval(look, LOOK_MS).unref();
      }
      return true;
    },
  };
}
