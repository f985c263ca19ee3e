import { createWriteStream, existsSync, mkdirSync, renameSync, statSync, type WriteStream } from 'node:fs';
import path from 'node:path';

/** A log file is renamed to `<name>.1` at this size; older ones are dropped, so that a function keeps at most twice as much. */
const MAX_FILE_BYTES = 10 * 1024 * 1024;
/** Lines kept in memory for tests and for the console. */
const MAX_LINES = 2_000;

export interface FunctionLog {
  write(line: string): void;
  /** The newest lines, oldest first. */
  lines(): readonly string[];
  close(): Promise<void>;
}

/** Appends a function's output to `<directory>/<name>.log`, bounded in size on disk and in memory. */
export function openFunctionLog(directory: string, name: string): FunctionLog {
  mkdirSync(directory, { recursive: true });
  const file = path.join(directory, `${name}.log`);
  const recent: string[] = [];
  let bytes = existsSync(file) ? statSync(file).size : 0;
  let stream: WriteStream | undefined;

  function open(): WriteStream {
    const opened = createWriteStream(file, { flags: 'a' });
    // A full disk must not end the cloud: the lines stay readable in memory.
    opened.on('error', () => {});
    return opened;
  }

  return {
    write(line) {
      recent.push(line);
      if (recent.length > MAX_LINES) recent.splice(0, recent.length - MAX_LINES);
      bytes += Buffer.byteLength(line) + 1;
      if (bytes > MAX_FILE_BYTES) {
        stream?.end();
        stream = undefined;
        if (existsSync(file)) renameSync(file, `${file}.1`);
        bytes = Buffer.byteLength(line) + 1;
      }
      stream ??= open();
      stream.write(`${line}\n`);
    },
    lines: () => recent,
    close: () =>
      new Promise((resolve) => {
        if (stream === undefined) resolve();
        else stream.end(() => resolve());
      }),
  };
}
