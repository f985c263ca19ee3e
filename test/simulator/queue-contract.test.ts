import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import {
  openQueueStore,
  type QueueStore,
  type ReceivedMessage,
} from '../../packages/aws-emulator/sqs/store.ts';
import { EventLog, Kernel } from '../../sim/kernel.ts';
import { type Message, QueueModelled } from '../../sim/sqs.ts';

const CELLS = {
  name: 'cells',
  arn: 'arn:aws:sqs:eu-central-1:000000000000:cells',
  visibilitySeconds: 30,
  delaySeconds: 0,
  redrive: { deadLetterQueue: 'dead', maxReceiveCount: 2 },
};

/** What an observer of a queue can tell, whatever order it delivers in. */
interface Queue {
  send(body: string, delaySeconds: number): Promise<void>;
  /** All that can be received now, as `body × receives`. */
  receiveAll(): Promise<string[]>;
  /** Deletes a message that is in flight. */
  delete(body: string): Promise<void>;
  pass(seconds: number): Promise<void>;
  counts(): Promise<{ waiting: number; inFlight: number; delayed: number }>;
  dead(): Promise<string[]>;
}

function local(folder: string): Queue & { close(): void } {
  let now = 1_800_000_000_000;
  const store: QueueStore = openQueueStore(path.join(folder, 'queue.sqlite'), () => now);
  store.configure({ name: 'dead', visibilitySeconds: 30, delaySeconds: 0 });
  store.configure(CELLS);
  const held = new Map<string, ReceivedMessage>();
  return {
    async send(body, delaySeconds) {
      store.send('cells', body, { delaySeconds });
    },
    async receiveAll() {
      const received: string[] = [];
      for (;;) {
        const [message] = await store.receive('cells');
        if (!message) return received.sort();
        held.set(message.body, message);
        received.push(`${message.body} × ${message.receiveCount}`);
      }
    },
    async delete(body) {
      store.remove('cells', held.get(body)?.receiptHandle ?? '');
      held.delete(body);
    },
    async pass(seconds) {
      now += seconds * 1_000;
    },
    async counts() {
      const { visible, inFlight, delayed } = store.counts('cells');
      return { waiting: visible, inFlight, delayed };
    },
    dead: async () =>
      store
        .peek('dead')
        .map(({ body }) => body)
        .sort(),
    close: () => store.close(),
  };
}

function simulated(): Queue {
  const kernel = new Kernel(1, new EventLog());
  const queue = new QueueModelled(kernel, CELLS);
  const dead: string[] = [];
  queue.onDead = ({ body }) => dead.push(body);
  const held = new Map<string, Message>();
  const pass = async (ms: number) => {
    let over = false;
    kernel.after(ms, () => {
      over = true;
    });
    await kernel.run(() => over);
  };
  return {
    async send(body, delaySeconds) {
      queue.send(body, delaySeconds, 0);
      await pass(0);
    },
    async receiveAll() {
      const received: string[] = [];
      for (;;) {
        const message = queue.receive();
        if (!message) return received.sort();
        held.set(message.body, message);
        received.push(`${message.body} × ${message.receives}`);
      }
    },
    async delete(body) {
      const message = held.get(body);
      if (message) queue.delete(message);
      held.delete(body);
    },
    pass: (seconds) => pass(seconds * 1_000),
    counts: async () => ({
      waiting: queue.count('waiting'),
      inFlight: queue.count('in flight'),
      delayed: queue.count('delayed'),
    }),
    dead: async () => dead.sort(),
  };
}

/** One step; the numbers choose among what there is. */
const step = fc.oneof(
  fc.record({ do: fc.constant('send' as const), delay: fc.constantFrom(0, 0, 5, 60) }),
  fc.record({ do: fc.constant('receive' as const) }),
  fc.record({ do: fc.constant('delete' as const), which: fc.nat(20) }),
  fc.record({ do: fc.constant('pass' as const), seconds: fc.constantFrom(1, 10, 30, 61) }),
);

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'queue-contract-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

test('the simulated queue and the local one deliver, hide, delay, delete and bury the same messages', async () => {
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const run = path.join(folder, String(runs++));
      mkdirSync(run);
      const real = local(run);
      const model = simulated();
      try {
        let sent = 0;
        for (const one of steps) {
          const answers: unknown[] = [];
          for (const queue of [real, model]) {
            if (one.do === 'send') await queue.send(`m${sent}`, one.delay);
            if (one.do === 'receive') answers.push(await queue.receiveAll());
            if (one.do === 'delete') await queue.delete(`m${one.which}`);
            if (one.do === 'pass') await queue.pass(one.seconds);
          }
          if (one.do === 'send') sent++;
          expect(answers[1]).toEqual(answers[0]);
          expect(await model.counts()).toEqual(await real.counts());
          expect(await model.dead()).toEqual(await real.dead());
        }
      } finally {
        real.close();
      }
    }),
    { numRuns: 100 },
  );
});
