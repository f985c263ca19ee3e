import { createWriteStream, existsSync, renameSync, statSync, type WriteStream } from 'node:fs';
import path from 'node:path';
import { makeFolder } from '@weaudit/sqlite/data-file';
import type { Access } from '../iam/access.ts';
import type { FunctionModel, StackModel } from '../stack/model.ts';

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

/**
 * Appends a function's output to `<directory>/<function>.log`, bounded in size on disk and in memory. Nothing is kept
 * when the function's role may not write to CloudWatch Logs.
 */
export function openFunctionLog(
  directory: string,
  model: FunctionModel,
  stack: StackModel,
  access: Access,
): FunctionLog {
  makeFolder(directory);
  const file = path.join(directory, `${model.key}.log`);
  const resource = `arn:aws:logs:${stack.region}:${stack.accountId}:log-group:/aws/lambda/${model.name}:log-stream:local`;
  const mayWrite = ['logs:CreateLogStream', 'logs:PutLogEvents'].every((action) =>
    access.roleMay(model, action, resource),
  );
  const recent: string[] = [];
  let bytes = existsSync(file) ? statSync(file).size : 0;
  let stream: WriteStream | undefined;

  function open(): WriteStream {
    const opened = createWriteStream(file, { flags: 'a' });
    // A full disk must not stop the cloud. The lines stay readable in memory, and the next one opens the file again.
    opened.on('error', () => {
      if (stream === opened) stream = undefined;
    });
    return opened;
  }

  return {
    write(line) {
      if (!mayWrite) return;
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
