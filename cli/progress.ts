import { MultiBar, Presets, type SingleBar } from 'cli-progress';

/** One row of progress: how much of a whole is done, and a remark. */
export interface Row {
  update(done: number, remark?: string): void;
}

/** Shows how far something is, until `stop`. */
export interface Progress {
  row(name: string, total: number): Row;
  stop(): void;
}

/** A line in a pipe at every tenth, or after so long without one: a log stays short, and shows that work goes on. */
const PIPE_STEP = 0.1;
const PIPE_SILENCE_MS = 30_000;

/** Bars on a terminal, plain lines in a pipe, nothing with `--json`; always beside the result, on standard error. */
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
      // A terminal that knows no cursor control gets no endless repetition.
      noTTYOutput: false,
      autopadding: true,
    },
    Presets.shades_classic,
  );
  return {
    row(name, total) {
      const bar: SingleBar = multi.create(total, 0, { name: name.padEnd(12), remark: '' });
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
          stream.write(`${name}: ${done}/${total}${remark ? ` ${remark}` : ''}\n`);
        },
      };
    },
    stop: () => {},
  };
}
