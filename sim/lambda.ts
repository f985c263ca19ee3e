import type { FunctionModel } from '@weaudit/aws-emulator/stack';
import type { Context } from 'aws-lambda';
import type { Coverage } from './coverage.ts';
import type { Kernel } from './kernel.ts';
import { Process } from './process.ts';
import type { Weather } from './weather.ts';

// biome-ignore lint/suspicious/noExplicitAny: events and answers are whatever a function takes and gives
export type Handler = (event: any, context: Context) => Promise<any>;

/** A process, and what its ports need to know about the event at hand. */
export interface Environment {
  process: Process;
  /** Passes of this chain of messages through its function, for what it sends. */
  lineage: number;
}

/** How an invocation ended. */
export type Ended = ({ ok: true; value: unknown } | { ok: false; why: string }) & {
  /** A call of it failed or took long, or it died of something else than its time limit. */
  metFault: boolean;
};

interface Warm extends Environment {
  handler: Handler;
  idleSince: number;
}

const AT_LIMIT = 'at its time limit';
/** Lambda keeps an idle environment for some minutes. */
const IDLE_MS = 7 * 60_000;

/**
 * Lambda: cold and warm environments with the state of their modules, the account's concurrency, time limits, death
 * at any call. An environment handles one event at a time and is frozen between two.
 */
export class LambdaModel {
  readonly #kernel: Kernel;
  readonly #weather: Weather;
  readonly #coverage: Coverage;
  readonly #functions: Map<string, FunctionModel>;
  /** Loads a function: the environment's cold start. */
  readonly #load: (key: string, environment: Environment) => Handler;
  readonly #idle = new Map<string, Warm[]>();
  readonly #concurrency: number;
  #ids = 0;
  running = 0;
  invocations = new Map<string, number>();
  /** Seconds × MB by function, which is what costs. */
  readonly megabyteSeconds = new Map<string, number>();
  deaths: { at: number; process: string; why: string }[] = [];
  /** Functions that came to their time limit although no call of theirs failed, or took long for which nothing is bounded. */
  overran: string[] = [];
  throttles = 0;
  /** Told when something stops running. */
  onFree: () => void = () => {};

  constructor(
    world: { kernel: Kernel; weather: Weather; coverage: Coverage; concurrency: number },
    functions: FunctionModel[],
    load: (key: string, environment: Environment) => Handler,
  ) {
    this.#kernel = world.kernel;
    this.#weather = world.weather;
    this.#coverage = world.coverage;
    this.#concurrency = world.concurrency;
    this.#functions = new Map(functions.map((model) => [model.key, model]));
    this.#load = load;
  }

  model(key: string): FunctionModel {
    const model = this.#functions.get(key);
    if (!model) throw new Error(`serverless.yml declares no function "${key}".`);
    return model;
  }

  get isFull(): boolean {
    return this.running >= this.#concurrency;
  }

  /** Runs a function once. @param lineage of the message that is handled */
  invoke(key: string, event: unknown, ended: (how: Ended) => void, lineage = 0): void {
    const { timeoutSeconds, memorySize } = this.model(key);
    const kernel = this.#kernel;
    if (this.isFull) {
      this.throttles++;
      ended({ ok: false, why: 'throttled', metFault: true });
      return;
    }
    this.running++;
    this.invocations.set(key, (this.invocations.get(key) ?? 0) + 1);
    const warm = this.#warm(key);
    // 200 to 800 ms for a cold start, some for a warm one.
    kernel.after(warm ? 2 : kernel.chance.between(200, 800), () => {
      const began = kernel.now;
      // A call from before it was frozen may have ended it since.
      const environment = warm?.process.alive ? warm : this.#cold(key);
      const { process } = environment;
      environment.lineage = lineage;
      let over = false;
      const end = (how: Ended) => {
        if (over) return;
        over = true;
        process.onDeath = undefined;
        this.running--;
        const used = ((kernel.now - began) / 1_000) * memorySize;
        this.megabyteSeconds.set(key, (this.megabyteSeconds.get(key) ?? 0) + used);
        kernel.log.add({
          at: kernel.now,
          who: process.name,
          what: 'ends',
          about: '',
          outcome: how.ok ? '' : how.why,
        });
        if (process.alive) {
          process.freeze();
          environment.idleSince = kernel.now;
          this.#idle.set(key, [...(this.#idle.get(key) ?? []), environment]);
        }
        ended(how);
        this.onFree();
      };
      process.onDeath = (why) => {
        this.deaths.push({ at: kernel.now, process: process.name, why });
        end({ ok: false, why: `died ${why}`, metFault: why !== AT_LIMIT || process.faults > 0 });
      };
      kernel.after(timeoutSeconds * 1_000, () => {
        if (over) return;
        if (process.faults === process.bounded) this.overran.push(process.name);
        process.die(AT_LIMIT);
      });
      process.thaw();
      const endsAt = began + timeoutSeconds * 1_000;
      const context = {
        awsRequestId: kernel.chance.id(),
        getRemainingTimeInMillis: () => endsAt - kernel.now,
      } as Context;
      environment.handler(event, context).then(
        (value) => {
          if (process.alive) end({ ok: true, value, metFault: process.faults > 0 });
        },
        (error: Error) => {
          if (process.alive) end({ ok: false, why: `threw ${error.message}`, metFault: process.faults > 0 });
        },
      );
    });
  }

  #warm(key: string): Warm | undefined {
    const idle = this.#idle.get(key) ?? [];
    const fresh = idle.filter(
      ({ idleSince, process }) => process.alive && this.#kernel.now - idleSince < IDLE_MS,
    );
    const warm = fresh.pop();
    this.#idle.set(key, fresh);
    return warm;
  }

  #cold(key: string): Warm {
    const process = new Process(`${key}#${++this.#ids}`, this.#kernel, this.#weather, this.#coverage);
    process.thaw();
    const environment: Environment = { process, lineage: 0 };
    // One object, so that ports see the lineage of the event at hand.
    return Object.assign(environment, { handler: this.#load(key, environment), idleSince: 0 });
  }
}
