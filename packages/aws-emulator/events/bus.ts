import { randomUUID } from 'node:crypto';
import type { Disk } from '../disk.ts';
import type { Service } from '../service.ts';
import type { ScheduleModel, StackModel } from '../stack/model.ts';
import { matchesPattern } from './pattern.ts';

export interface BusOptions {
  stack: StackModel;
  /** Accepts an event for a function, durably. */
  accept(functionKey: string, event: unknown): void;
  /** Runs several `accept` as one: after a kill all of them count, or none. */
  transaction(work: () => void): void;
  disk: Disk;
}

export interface Bus extends Service {
  /** Hands the event to the function of every rule that matches; when this returns, they are on disk. */
  put(event: unknown): void;
  /** Runs a schedule now, in addition to its times. */
  fire(schedule: ScheduleModel): void;
}

/** EventBridge: rules and schedules that invoke functions asynchronously. */
export function createBus({ stack, accept, transaction, disk }: BusOptions): Bus {
  let timers: NodeJS.Timeout[] = [];

  function fire(schedule: ScheduleModel): void {
    const event = schedule.input ?? {
      version: '0',
      id: randomUUID(),
      'detail-type': 'Scheduled Event',
      source: 'aws.events',
      account: stack.accountId,
      time: new Date().toISOString().replace(/\.\d+Z$/, 'Z'),
      region: stack.region,
      resources: [`arn:aws:events:${stack.region}:${stack.accountId}:rule/${schedule.name}`],
      detail: {},
    };
    accept(schedule.functionKey, event);
  }

  /** A schedule that finds no room is left out; its next time comes. */
  function tick(schedule: ScheduleModel): void {
    try {
      fire(schedule);
    } catch (error) {
      if (!disk.full(error)) throw error;
    }
  }

  return {
    name: 'events',
    put(event) {
      transaction(() => {
        for (const { pattern, functionKey } of stack.rules) {
          if (matchesPattern(pattern, event)) accept(functionKey, event);
        }
      });
    },
    fire,
    start() {
      timers = stack.schedules.map((schedule) => {
        const timer = setInterval(() => tick(schedule), schedule.everySeconds * 1000);
        return timer.unref();
      });
    },
    stop() {
      for (const timer of timers) clearInterval(timer);
    },
  };
}
