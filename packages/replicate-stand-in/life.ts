import { isDiskFull } from '@weaudit/sqlite/full-disk';
import { Draw } from './draw.ts';
import type { LedgerOutput } from './ledger.ts';
import type { Run } from './models.ts';
import { outputPath, pictureBytes, runOf, sha256 } from './outputs.ts';
import type { Prediction, Status } from './prediction.ts';
import type { CreateRequest } from './requests.ts';
import type { Secrets } from './spoken.ts';
import type { Store } from './store.ts';
import { isTerminal } from './views.ts';
import type { Deliverer } from './webhooks.ts';

/** Input, output and logs of predictions made through the API are removed one hour after they ended. */
const KEPT_MILLISECONDS = 60 * 60 * 1000;
/** How long a moved clock can go unnoticed while a prediction is in progress. */
const POLL_MILLISECONDS = 100;
const ID_LETTERS = '0123456789abcdefghjkmnpqrstvwxyz';

export interface LifeOptions {
  store: Store;
  secrets: Secrets;
  deliverer: Deliverer;
  /** How many predictions run at once; the others queue. */
  concurrency: number;
  /** Typical time of a prediction. */
  seconds: number;
  /** The same seed gives the same ids, durations and chance, in the order of the creates. */
  seed: number;
  /** Milliseconds since 1970. */
  now(): number;
}

/** A step is never due at the moment that was just handled. */
const atLeastOne = (milliseconds: number): number => Math.max(1, milliseconds);

interface Finished {
  output: unknown;
  ledger: LedgerOutput[];
}

/** The life of predictions: starting, processing, and one of four ends. */
export class Life {
  readonly #options: LifeOptions;
  /** Predictions whose outputs are being made for the answer itself. */
  readonly #finishing = new Set<string>();
  readonly #waiting = new Map<string, Set<() => void>>();
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  /** The moment up to which every step has been taken, or waits for another. */
  #reached = 0;

  constructor(options: LifeOptions) {
    this.#options = options;
  }

  /** @param lifetime milliseconds until it is stopped, null for no limit */
  create(request: CreateRequest, lifetime: number | null): Prediction {
    const { store, secrets, seed, seconds, now } = this.#options;
    const createdAt = now();
    const prediction = store.atomically(() => {
      const draw = new Draw('prediction', seed, store.predictionCount() + 1);
      const drawn = draw.next();
      const { model, version, input, webhook, events } = request;
      const name = `${model.owner}/${model.name}`;
      const never = runOf({ model: name, input, drawn }).end === 'never';
      const made: Prediction = {
        id: draw.text(26, ID_LETTERS),
        model: name,
        version,
        input,
        webhook,
        events,
        status: 'starting',
        output: null,
        logs: '',
        error: null,
        metrics: {},
        drawn,
        runtime: seconds * 1000 * model.pace * draw.between(0.6, 1.4),
        createdAt,
        startedAt: null,
        completedAt: null,
        deadline: lifetime === null ? null : createdAt + lifetime,
        due: never ? null : createdAt + atLeastOne(seconds * 1000 * draw.between(0.05, 0.15)),
        removed: false,
      };
      store.insert(made);
      store.record({
        at: new Date(createdAt).toISOString(),
        kind: 'create',
        prediction: made.id,
        model: name,
        version,
        input,
        webhook,
        events,
        deadline: made.deadline === null ? null : new Date(made.deadline).toISOString(),
      });
      return made;
    });
    secrets.keep(prediction.id, request.secrets);
    this.#schedule();
    return prediction;
  }

  /** The prediction as it is now, or undefined. */
  find(id: string): Prediction | undefined {
    this.advance();
    return this.#options.store.find(id);
  }

  /** Stops it, if it has not ended. @returns the prediction afterwards, or undefined if there is none */
  cancel(id: string): Prediction | undefined {
    const { store, now } = this.#options;
    const prediction = this.find(id);
    if (prediction === undefined || isTerminal(prediction)) return prediction;
    store.atomically(() => {
      store.record({ at: new Date(now()).toISOString(), kind: 'cancel', prediction: id });
      this.#end(prediction, 'canceled', { logs: prediction.logs });
    });
    this.advance();
    return prediction;
  }

  /** Resolves when the prediction has ended or the time, in milliseconds, is over. */
  async ended(id: string, milliseconds: number): Promise<void> {
    const prediction = this.find(id);
    if (prediction === undefined || isTerminal(prediction)) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        waiters.delete(done);
        resolve();
      };
      const timer = setTimeout(done, milliseconds);
      const waiters = this.#waiting.get(id) ?? new Set();
      this.#waiting.set(id, waiters.add(done));
    });
  }

  /** Takes every step that is due by now; none while the disk is full. */
  advance(): void {
    if (this.#closed) return;
    const { store, deliverer, now } = this.#options;
    const at = now();
    try {
      store.atomically(() => {
        this.#stopOverdue(at);
        this.#finishDue(at);
        this.#startDue(at);
        this.#removeOld(at);
      });
      this.#reached = at;
    } catch (error) {
      if (!isDiskFull(error)) throw error;
    }
    deliverer.pump();
    this.#schedule();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const waiters of this.#waiting.values()) for (const done of [...waiters]) done();
  }

  /** One timer for everything, set to the next moment on the timetable. */
  #schedule(): void {
    clearTimeout(this.#timer);
    if (this.#closed) return;
    const next = this.#options.store.nextDue(Math.min(this.#reached, this.#options.now()));
    if (next === null) return;
    const wait = Math.min(Math.max(next - this.#options.now(), 1), POLL_MILLISECONDS);
    this.#timer = setTimeout(() => this.advance(), wait);
    this.#timer.unref();
  }

  #stopOverdue(at: number): void {
    for (const prediction of this.#options.store.overdue(at))
      this.#end(prediction, prediction.startedAt === null ? 'aborted' : 'canceled', {
        logs: prediction.logs,
      });
  }

  #startDue(at: number): void {
    const { store, concurrency, deliverer } = this.#options;
    const free = concurrency - store.countLive('processing');
    if (free <= 0) return;
    for (const prediction of store.due('starting', at, free)) {
      const run = runOf(prediction);
      if (run.end === 'aborted') {
        this.#end(prediction, 'aborted', { logs: run.logs });
        continue;
      }
      prediction.status = 'processing';
      prediction.startedAt = at;
      prediction.due = at + atLeastOne(prediction.runtime);
      store.update(prediction);
      store.record({ at: new Date(at).toISOString(), kind: 'start', prediction: prediction.id });
      deliverer.enqueue(prediction, 'start');
    }
  }

  #finishDue(at: number): void {
    for (const prediction of this.#options.store.due('processing', at, Number.MAX_SAFE_INTEGER)) {
      if (this.#finishing.has(prediction.id)) continue;
      const run = runOf(prediction);
      if (run.end === 'failed') this.#end(prediction, 'failed', { logs: run.logs, error: run.error });
      else if (run.end === 'succeeded' && run.files.some(({ inline }) => inline))
        void this.#finishInline(prediction, run);
      else if (run.end === 'succeeded') this.#succeed(prediction, run, addressed(prediction, run));
    }
  }

  /** Outputs that travel in the answer have to be made before it. */
  async #finishInline(prediction: Prediction, run: Run & { end: 'succeeded' }): Promise<void> {
    this.#finishing.add(prediction.id);
    try {
      const parts = await Promise.all(
        run.files.map(async (file) => {
          const bytes = await pictureBytes(file);
          return {
            address: `data:${file.label};base64,${bytes.toString('base64')}`,
            entry: { path: 'data:', sha256: sha256(bytes), bytes: bytes.length },
          };
        }),
      );
      if (this.#closed) return;
      const { store } = this.#options;
      store.atomically(() => {
        const current = store.find(prediction.id);
        if (current?.status !== 'processing') return;
        const output = run.output(parts.map(({ address }) => address));
        this.#succeed(current, run, { output, ledger: parts.map(({ entry }) => entry) });
      });
    } catch (error) {
      // It stays due, and is made again.
      if (!isDiskFull(error)) throw error;
    } finally {
      this.#finishing.delete(prediction.id);
    }
    this.advance();
  }

  #succeed(prediction: Prediction, run: Run & { end: 'succeeded' }, { output, ledger }: Finished): void {
    const { deliverer } = this.#options;
    prediction.output = output;
    prediction.logs = run.logs;
    // At most one of these two in half a second, and both happen at once here.
    if (run.files.length > 0 && prediction.events.includes('output')) deliverer.enqueue(prediction, 'output');
    else if (run.logs !== '') deliverer.enqueue(prediction, 'logs');
    this.#end(prediction, 'succeeded', { logs: run.logs, ledger });
  }

  #end(
    prediction: Prediction,
    status: Status,
    { logs, error = null, ledger = [] }: { logs: string; error?: string | null; ledger?: LedgerOutput[] },
  ): void {
    const { store, deliverer, now } = this.#options;
    const at = now();
    prediction.status = status;
    prediction.logs = logs;
    prediction.error = error;
    prediction.completedAt = at;
    prediction.due = null;
    prediction.metrics = {
      ...(prediction.startedAt === null ? {} : { predict_time: (at - prediction.startedAt) / 1000 }),
      total_time: (at - prediction.createdAt) / 1000,
      ...(status === 'succeeded' ? { image_count: ledger.length } : {}),
    };
    store.update(prediction);
    store.record({
      at: new Date(at).toISOString(),
      kind: 'terminal',
      prediction: prediction.id,
      status,
      error,
      outputs: ledger,
    });
    deliverer.enqueue(prediction, 'completed');
    const waiters = this.#waiting.get(prediction.id);
    this.#waiting.delete(prediction.id);
    if (waiters !== undefined)
      setImmediate(() => {
        for (const done of [...waiters]) done();
      });
  }

  #removeOld(at: number): void {
    const { store, secrets } = this.#options;
    for (;;) {
      const old = store.withData(at - KEPT_MILLISECONDS);
      for (const prediction of old) {
        store.update({ ...prediction, input: {}, output: null, logs: '', removed: true });
        secrets.forget(prediction.id);
        store.record({ at: new Date(at).toISOString(), kind: 'removal', prediction: prediction.id });
      }
      if (old.length === 0) return;
    }
  }
}

const addressed = (prediction: Prediction, run: Run & { end: 'succeeded' }): Finished => {
  const paths = run.files.map((file) => outputPath(prediction.id, file));
  return { output: run.output(paths), ledger: paths.map((path) => ({ path, sha256: null, bytes: null })) };
};
