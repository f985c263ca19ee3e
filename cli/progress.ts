import { MultiBar, Presets, type SingleBar } from 'cli-progress';

/** One row of progress. */
export interface Row {
  /** @param done how many of the total */
  update(done: number, remark?: string): void;
}

/** Shows progress until `stop`. */
export interface Progress {
  /** @param total 0 if it is not known: then only the count is shown */
  row(name: string, total: number): Row;
  stop(): void;
}

/** In a pipe: a line for each tenth, or after 30 s of silence. A log stays short and still shows that work continues. */
const PIPE_STEP = 0.1;
const PIPE_SILENCE_MS = 30_000;

/** Bars on a terminal, plain lines in a pipe, nothing with `--json`; always on standard error. */
export function createProgress({
  json,
  stream = process.stderr,
}: {
  json: boolean;
  stream?: NodeJS.WriteStream;
}): Progress {
  if (json) return { row: () => ({ update: () => {} }), stop: () => {} };
  return stream.isTTY ? bars(stream) : lines(stream);
}

function bars(stream: NodeJS.WriteStream): Progress {
  const multi = new MultiBar(
    {
      stream,
      format: '{name} {bar} {value}/{total} {remark}',
      hideCursor: true,
      clearOnComplete: false,
      // Without cursor control, every update would print another line.
      noTTYOutput: false,
      autopadding: true,
    },
    Presets.shades_classic,
  );
  return {
    row(name, total) {
      const options = total === 0 ? { format: '{name} {value} {remark}' } : {};
      const bar: SingleBar = multi.create(total, 0, { name: name.padEnd(12), remark: '' }, options);
      return { update: (done, remark = '') => bar.update(done, { remark }) };
    },
    stop: () => multi.stop(),
  };
}

function lines(stream: NodeJS.WriteStream): Progress {
  return {
    row(name, total) {
      let said = { part: -1, done: -1, at: 0 };
      return {
        update(done, remark = '') {
          const part = total === 0 ? 1 : done / total;
          const now = Date.now();
          const isNews =
            (done === total && said.done !== total) ||
            part >= said.part + PIPE_STEP ||
            now - said.at > PIPE_SILENCE_MS;
          if (!isNews) return;
          said = { part, done, at: now };
          stream.write(`${name}: ${done}${total === 0 ? '' : `/${total}`}${remark ? ` ${remark}` : ''}\n`);
        },
      };
    },
    stop: () => {},
  };
}
