import type { PolicyDocument, Statement } from '@weaudit/aws-emulator/iam';
import type { StackModel } from '@weaudit/aws-emulator/stack';
import { OutputRejected, OutputUnavailable } from '../lib/images/source.ts';
import type { Listed, ObjectStore, ReplicateClient, SecretReader } from '../lib/ports.ts';
import type { Message } from '../lib/records/blocks.ts';
import { ReplicateRefusal, ReplicateUnreachable } from '../lib/replicate/errors.ts';
import type { Prediction } from '../lib/replicate/prediction.ts';
import type { Handler } from './lambda.ts';
import { KnownBody } from './s3.ts';
import { OLD } from './secrets.ts';
import type { Plant, Ports } from './world.ts';

/** The parts of a store that behave differently; the rest is as it was. */
const changed = <S extends ObjectStore>(store: S, change: Partial<ObjectStore>): S =>
  new Proxy(store, {
    get(target, name) {
      if (name === 'within') return (signal: AbortSignal) => changed(target.within(signal), change);
      const value = name in change ? change[name as keyof ObjectStore] : target[name as keyof S];
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });

/** The same change for each bucket that a function has. */
const inStores = (make: (store: ObjectStore) => Partial<ObjectStore>) => (ports: Ports) => ({
  store: changed(ports.store, make(ports.store)),
  images: changed(ports.images, make(ports.images)),
});

/** For some keys a store answers a verb by itself, and does nothing. */
const answering = (verb: 'exists' | 'create' | 'createJson', keys: RegExp, answer: boolean) =>
  inStores((store) => {
    const real = store[verb].bind(store) as (key: string, ...rest: unknown[]) => Promise<boolean>;
    return {
      [verb]: async (key: string, ...rest: unknown[]) => (keys.test(key) ? answer : real(key, ...rest)),
    };
  });

/** Takes an action away from a function's role. */
const without = (functionKey: string, action: string) => (stack: StackModel) => {
  const { role } = stack.functions.find(({ key }) => key === functionKey)!;
  const statements = (policy: PolicyDocument): Statement[] =>
    Array.isArray(policy.Statement) ? policy.Statement : [policy.Statement];
  for (const policy of role.policies)
    policy.Statement = statements(policy).flatMap((statement) => {
      const actions = [statement.Action ?? []].flat();
      if (!actions.includes(action)) return [statement];
      const rest = actions.filter((one) => one !== action);
      return rest.length > 0 ? [{ ...statement, Action: rest }] : [];
    });
};

/** Without its condition a write goes over whatever is there. */
const unconditional = (keys: RegExp) => (_: string, input: Record<string, unknown>) => {
  if (!keys.test(String(input.Key))) return input;
  const { IfNoneMatch: _none, IfMatch: _match, ...rest } = input;
  return rest;
};

/** One refusal of a create is taken for another. */
const takenFor = (status: number, other: number): Plant => ({
  functions: ['dispatch'],
  ports: ({ replicate }) => ({
    replicate: {
      ...replicate,
      create: (request) =>
        replicate.create(request).catch((error) => {
          throw error instanceof ReplicateRefusal && error.status === status
            ? new ReplicateRefusal(other, 'no', undefined)
            : error;
        }),
    },
  }),
});

/** What polls see, with another status. */
const polled = (replicate: ReplicateClient, statusOf: (prediction: Prediction) => string) => ({
  replicate: {
    ...replicate,
    get: async (id: string) => {
      const prediction = await replicate.get(id);
      return { ...prediction, status: statusOf(prediction) };
    },
  },
});

// biome-ignore lint/suspicious/noExplicitAny: a record as it is written
type Written = any;

/** Changes what is written in JSON. */
const inRecords =
  (keys: RegExp, change: (record: Written) => Written) =>
  (command: string, input: Record<string, unknown>): Record<string, unknown> =>
    command === 'PutObject' && keys.test(String(input.Key))
      ? withBody(input, Buffer.from(JSON.stringify(change(JSON.parse(String(input.Body))))))
      : input;

/** Changes the rows of the manifest's CSV. */
const inTable =
  (keep: (row: string) => boolean, change: (row: string) => string = (row) => row) =>
  (command: string, input: Record<string, unknown>): Record<string, unknown> => {
    if (command !== 'PutObject' || !/manifest\.csv$/.test(String(input.Key))) return input;
    const rows = (input.Body as KnownBody).bytes.toString().split('\n').filter(keep).map(change);
    const bytes = Buffer.from(rows.join('\n'));
    return { ...withBody(input, bytes), Body: new KnownBody(bytes) };
  };

const withBody = (input: Record<string, unknown>, bytes: Buffer) => ({
  ...input,
  Body: bytes,
  ContentLength: bytes.length,
});

/** What was opened, and what was deleted: by keys and IDs, which no two worlds share. */
const DELETED = new Set<string>();

/** Reads a secret at a cold start, and never again. */
function once(read: SecretReader): SecretReader {
  let value: Promise<string> | undefined;
  return () => {
    value ??= read().catch((error) => {
      value = undefined;
      throw error;
    });
    return value;
  };
}

/** Numbers of polls in a queue of messages that ask, and of those that look once. */
const POLL = 1_000_000;
const ONCE = 500_000;
/** Who writes bindings and results. */
const WRITERS = ['dispatch', 'poll', 'webhook'];
/** Who asks for predictions, and who looks after them. */
const TURNS = ['dispatch', 'poll'];
/** When an output was first asked for, by its address, which no two worlds share. */
const FIRST_TRIES = new Map<string, number>();

/**
 * Faults that somebody could make, put in from outside: a simulator that does not find them proves nothing. Each is in
 * the functions that it names.
 */
export const MUTANTS: Record<string, Plant> = {
  'a binding is written without If-None-Match': {
    functions: WRITERS,
    request: unconditional(/\/dispatched\//),
  },
  'a result is written without If-None-Match': { functions: WRITERS, request: unconditional(/\/results\//) },
  'an image is written without If-None-Match': { functions: WRITERS, request: unconditional(/^images\//) },
  'a lease is never checked': {
    functions: TURNS,
    request: unconditional(/^leases\//),
    ports: inStores((store) => ({
      readJson: async <T>(key: string) => (key.startsWith('leases/') ? undefined : store.readJson<T>(key)),
    })),
  },
  'a dispatcher sees no bindings in a LIST': {
    functions: ['dispatch'],
    ports: inStores((store) => ({
      async *list(prefix, after, page) {
        if (!prefix.endsWith('/dispatched/')) yield* store.list(prefix, after, page);
      },
    })),
  },
  'what waits is not read again before it is asked': {
    functions: ['dispatch'],
    ports: inStores((store) => {
      const seen = new Map<string, { at: number; listed: Listed[] }>();
      let lists = 0;
      return {
        async *list(prefix, after, page) {
          const known = seen.get(prefix);
          // The second of two LISTs in a turn is answered by the first.
          if (known && lists - known.at < 4) return yield* known.listed;
          const listed: Listed[] = [];
          for await (const one of store.list(prefix, after, page)) listed.push(one);
          seen.set(prefix, { at: lists++, listed });
          yield* listed;
        },
      };
    }),
  },
  'a result comes before its images': {
    functions: WRITERS,
    ports: inStores(() => ({ createFromStream: async () => 'f'.repeat(64) })),
  },
  'a download is cut and nobody notices': {
    functions: WRITERS,
    ports: ({ fetchOutput }) => ({
      fetchOutput: (url, limits, use) =>
        fetchOutput(url, limits, (source) => {
          const bytes = source.bytes - 1;
          const body =
            source.body instanceof KnownBody
              ? new KnownBody(source.body.bytes.subarray(0, bytes))
              : source.body;
          return use({ ...source, bytes, body });
        }),
    }),
  },
  'an output that does not come at once is given up': {
    functions: WRITERS,
    ports: ({ fetchOutput }) => ({
      fetchOutput: (url, limits, use) =>
        fetchOutput(url, limits, use).catch((error) => {
          throw error instanceof OutputUnavailable ? new OutputRejected('given up') : error;
        }),
    }),
  },
  'an output is given up a minute after the first try': {
    functions: WRITERS,
    ports: ({ fetchOutput, time }) => ({
      fetchOutput: (url, limits, use) =>
        fetchOutput(url, limits, use).catch((error) => {
          const first = FIRST_TRIES.get(url.href) ?? time.monotonic();
          FIRST_TRIES.set(url.href, first);
          const late = time.monotonic() - first > 60_000;
          throw error instanceof OutputUnavailable && late ? new OutputRejected('given up') : error;
        }),
    }),
  },
  'a rate limit ends the cell': takenFor(429, 422),
  'a request that is wrong for good is sent again': takenFor(422, 503),
  'a prediction that Replicate forgot is polled for a day': {
    functions: ['poll'],
    ports: ({ replicate }) => ({
      replicate: {
        ...replicate,
        get: (id) =>
          replicate.get(id).catch((error) => {
            throw error instanceof ReplicateRefusal && error.status === 404
              ? new ReplicateRefusal(503, 'no', undefined)
              : error;
          }),
      },
    }),
  },
  'a poll takes a canceled prediction for a running one': {
    functions: ['poll'],
    ports: ({ replicate }) =>
      polled(replicate, (one) => (one.status === 'canceled' ? 'processing' : one.status)),
  },
  'a poll takes an aborted prediction for a failed one': {
    functions: ['poll'],
    ports: ({ replicate }) => polled(replicate, (one) => (one.status === 'aborted' ? 'failed' : one.status)),
  },
  'what was just requested is canceled': {
    functions: ['dispatch'],
    ports: ({ replicate }) => ({
      replicate: {
        ...replicate,
        create: async (request) => {
          const id = await replicate.create(request);
          await replicate.cancel(id);
          return id;
        },
      },
    }),
  },
  'a result names the seed that was sent': {
    functions: WRITERS,
    request: inRecords(/\/results\//, (result) => ({ ...result, seed: result.sent.input.seed })),
  },
  'a result counts nothing that was withheld': {
    functions: WRITERS,
    request: inRecords(/\/results\//, (result) => ({ ...result, filtered: 0 })),
  },
  'a result names no more outputs than are stored': {
    functions: WRITERS,
    request: inRecords(/\/results\//, (result) => ({ ...result, images: result.images.slice(0, 100) })),
  },
  'the table has no row for cells without an image': {
    functions: ['reconcile'],
    request: inTable((row) => !/,(failed|refused|canceled),/.test(row)),
  },
  'the table leaves formulas as they are': {
    functions: ['reconcile'],
    request: inTable(
      () => true,
      (row) => row.replaceAll("'=", '='),
    ),
  },
  'a revoked token ends the cell': takenFor(401, 404),
  'a create without an answer is sent again': {
    functions: ['dispatch'],
    ports: ({ replicate }) => ({
      replicate: {
        ...replicate,
        create: (request) =>
          replicate.create(request).catch((error) => {
            if (error instanceof ReplicateUnreachable) return replicate.create(request);
            throw error;
          }),
      },
    }),
  },
  'cancel is not looked for': {
    functions: TURNS,
    ports: answering('exists', /\/cancel\.json$|^deleted\//, false),
  },
  'cancel is looked for once a minute': {
    functions: TURNS,
    ports: (ports) => {
      const seen = new Map<string, { at: number; exists: boolean }>();
      const change = (store: ObjectStore): Partial<ObjectStore> => ({
        exists: async (key) => {
          if (!/\/cancel\.json$|^deleted\//.test(key)) return store.exists(key);
          const known = seen.get(key);
          if (known && ports.time.monotonic() - known.at < 60_000) return known.exists;
          const exists = await store.exists(key);
          seen.set(key, { at: ports.time.monotonic(), exists });
          return exists;
        },
      });
      return inStores(change)(ports);
    },
  },
  'a webhook does not look for the tombstone': {
    functions: ['webhook'],
    ports: answering('exists', /^deleted\//, false),
  },
  'reconcile takes every audit for a deleted one': {
    functions: ['reconcile'],
    ports: inStores((store) => ({
      head: async (key) =>
        (await store.head(key)) ??
        (key.startsWith('deleted/')
          ? {
              bytes: 0,
              etag: '',
              contentType: '',
              modified: new Date(0),
              metadata: {},
              sha256: undefined,
              versionId: undefined,
              contentEncoding: undefined,
            }
          : undefined),
    })),
  },
  'an aborted prediction is not marked': {
    functions: WRITERS,
    ports: answering('create', /-aborted$/, true),
  },
  'a failure marker is left out': {
    functions: WRITERS,
    ports: answering('create', /\/failed\//, true),
  },
  'a result is left out': {
    functions: WRITERS,
    ports: answering('create', /\/results\//, true),
  },
  'tag records without tagging': {
    functions: ['tag'],
    ports: inStores(() => ({ setTags: async () => true })),
  },
  'tag replaces the whole set of tags': {
    functions: ['tag'],
    ports: inStores((store) => ({
      setTags: (key, { status = '', format = '', size = '' }) => store.setTags(key, { status, format, size }),
    })),
  },
  'tag makes no renditions': {
    functions: ['tag'],
    ports: answering('create', /^renditions\//, true),
  },
  'renditions have no tags': {
    functions: ['tag'],
    request: (_, { Tagging, ...input }) =>
      String(input.Key).startsWith('renditions/') ? input : { ...input, ...(Tagging ? { Tagging } : {}) },
  },
  'images are stored as ok': {
    functions: WRITERS,
    ports: inStores((store) => ({
      createFromStream: (key, body, bytes, upload, signal) =>
        store.createFromStream(
          key,
          body,
          bytes,
          { ...upload, tags: { ...upload.tags, status: 'ok' } },
          signal,
        ),
    })),
  },
  'every image is taken for a whole one': {
    functions: ['tag', 'reconcile'],
    ports: inStores((store) => ({
      setTags: (key, tags) => store.setTags(key, { ...tags, status: 'ok' }),
      create: (key, ...rest) => store.create(key.replaceAll('.quarantined.', '.ok.'), ...rest),
    })),
  },
  'results and failure markers have no retention': {
    functions: WRITERS,
    request: (_, { Tagging, ...input }) =>
      /\/(results|failed)\//.test(String(input.Key)) ? input : { ...input, ...(Tagging ? { Tagging } : {}) },
  },
  'all samples of a prompt have one seed': {
    functions: ['dispatch'],
    ports: ({ replicate }) => ({
      replicate: {
        ...replicate,
        create: (request) =>
          replicate.create({
            ...request,
            input: { ...request.input, seed: String(request.input.prompt).length },
          }),
      },
    }),
  },
  'a plan has no version': {
    functions: ['api'],
    request: inRecords(/\/audit\.json$/, ({ version: _, ...plan }) => plan),
  },
  'a plan has no pairs': {
    functions: ['api'],
    request: inRecords(/\/audit\.json$/, ({ pairs: _, ...plan }) => plan),
  },
  'the manifest counts no successes': {
    functions: ['reconcile'],
    request: (_, input) =>
      /manifest\.json$/.test(String(input.Key)) && input.Metadata
        ? { ...input, Metadata: { ...input.Metadata, succeeded: '0' } }
        : input,
  },
  'backup copies nothing': {
    functions: ['backup', 'reconcile'],
    ports: ({ images, backup }) => ({
      backup: changed(backup, {
        createCopy: async () => ({ outcome: 'exists' }),
        head: (key) => images.head(key),
        list: (prefix, after, page) => images.list(prefix, after, page),
        tags: (key) => images.tags(key),
        setTags: async () => true,
      }),
    }),
  },
  'reconcile sends nothing again': {
    functions: ['reconcile'],
    ports: ({ queue, polls }) => ({
      queue: { ...queue, send: async () => {} },
      polls: { ...polls, send: async () => {} },
    }),
  },
  'the manifest reads the record of another cell': {
    functions: ['poll', 'reconcile'],
    ports: inStores((store) => ({
      readJson: (key) => store.readJson(key.replace(/\/results\/\d{5}/, '/results/00000')),
    })),
  },
  'reconcile leaves the judgement to an event': {
    functions: ['reconcile'],
    ports: inStores(() => ({ setTags: async () => true })),
  },
  'reconcile leaves the copies to events': {
    functions: ['reconcile'],
    ports: ({ backup }) => ({
      backup: changed(backup, { createCopy: async () => ({ outcome: 'gone' }) }),
    }),
  },
  'a block that is done is reported as a fault': {
    functions: ['dispatch'],
    handler: (handler) => async (event, context) => {
      const answer = await handler(event, context);
      const [{ messageId, body }] = event.Records;
      return JSON.parse(body).from === 0 ? { batchItemFailures: [{ itemIdentifier: messageId }] } : answer;
    },
  },
  'a turn waits for credit and tokens inside the function': {
    functions: ['dispatch'],
    ports: ({ replicate, time }) => ({
      replicate: {
        ...replicate,
        create: async (request) => {
          for (;;) {
            try {
              return await replicate.create(request);
            } catch (error) {
              if (!(error instanceof ReplicateRefusal && [401, 402].includes(error.status))) throw error;
              await time.sleep(60_000);
            }
          }
        },
      },
    }),
  },
  'an unknown model is taken for a busy Replicate': {
    functions: ['api'],
    ports: ({ replicate }) => ({
      replicate: {
        ...replicate,
        model: (name) =>
          replicate.model(name).catch(() => {
            throw new ReplicateUnreachable('no');
          }),
      },
    }),
  },
  'a request is not known again': {
    functions: ['api'],
    ports: inStores((store) => ({
      readJson: async <T>(key: string) =>
        key.startsWith('idempotency/') ? undefined : store.readJson<T>(key),
      createJson: async (key, ...rest) =>
        key.startsWith('idempotency/') ? true : store.createJson(key, ...rest),
    })),
  },
  'a repeated request does not open its audit again': {
    functions: ['api'],
    ports: inStores((store) => ({
      replaceJson: async (key, ...rest) => {
        if (!key.startsWith('open/')) await store.replaceJson(key, ...rest);
      },
    })),
  },
  'closing does not look whether the audit was opened again': {
    functions: ['reconcile'],
    ports: inStores((store) => ({
      deleteIf: async (key) => {
        await store.delete([key]);
        return true;
      },
    })),
  },
  'cancel writes nothing': {
    functions: ['api'],
    ports: answering('createJson', /\/cancel\.json$/, true),
  },
  'every audit is taken for a finished one when it is canceled': {
    functions: ['api'],
    ports: answering('exists', /\/manifest\.json$/, true),
  },
  'a second deletion finds nothing': {
    functions: ['api'],
    handler: (handler) => async (event, context) => {
      const answer = await handler(event, context);
      const isSecond = DELETED.has(event.pathParameters.audit);
      if (event.routeKey.startsWith('DELETE') && answer.statusCode === 202)
        DELETED.add(event.pathParameters.audit);
      return isSecond && answer.statusCode === 202 ? { ...answer, statusCode: 404 } : answer;
    },
  },
  'nothing of a deleted audit is taken for running': {
    functions: ['poll', 'reconcile'],
    ports: inStores((store) => ({
      async *list(prefix, after, page) {
        const [, audit] = /^audits\/([^/]+)\/dispatched\/$/.exec(prefix) ?? [];
        if (!audit || !(await store.exists(`deleted/${audit}`))) yield* store.list(prefix, after, page);
      },
    })),
  },
  "the webhook's secret is read once": {
    functions: ['webhook'],
    ports: ({ secrets }) => ({ secrets: once(secrets) }),
  },
  'the tokens are read once': { functions: ['api'], ports: ({ tokens }) => ({ tokens: once(tokens) }) },
  'a secret that was replaced is still believed': {
    functions: ['webhook'],
    ports: ({ secrets }) => ({ secrets: async (options) => `${await secrets(options)} ${OLD.webhook}` }),
  },
  'a webhook is believed by its body alone': {
    functions: ['webhook'],
    handler: (handler) => (event, context) => {
      const [, audit, cell] = /\/replicate\/([^/"]+)\/(\d{5})"/.exec(event.body) ?? [];
      return handler(audit ? { ...event, pathParameters: { audit, cell } } : event, context);
    },
  },
  'every webhook is refused': {
    functions: ['webhook'],
    handler: () => async () => ({ statusCode: 401, headers: {}, body: '' }),
  },
  'a webhook that failed is answered well': {
    functions: ['webhook'],
    handler: (handler) => async (event, context) => {
      const answer = await handler(event, context);
      return answer.statusCode >= 500 ? { ...answer, statusCode: 200 } : answer;
    },
  },
  'dispatch may not write bindings': { functions: [], stack: without('dispatch', 's3:PutObject') },
  'Lambda takes a waiting block for a loop': {
    functions: [],
    stack: ({ functions }) => {
      for (const model of functions) model.recursiveLoop = 'Terminate';
    },
  },
  'Lambda takes the polls of a block for a loop': {
    functions: [],
    world: '190 open audits at 60 a minute',
    stack: ({ functions }) => {
      functions.find(({ key }) => key === 'poll')!.recursiveLoop = 'Terminate';
    },
  },
  'polls share the queue of asking': {
    functions: ['api', 'dispatch', 'poll', 'reconcile'],
    world: '190 open audits at 60 a minute',
    ports: ({ queue }) => ({
      polls: {
        ...queue,
        send: (ranges, delay) =>
          queue.send(
            ranges.map((range) => ({ ...range, link: POLL + ((range as Message).link ?? ONCE) })),
            delay,
          ),
      },
    }),
    handler: (handler, other) => {
      let poll: Handler | undefined;
      return (event, context) => {
        const { link = 0, ...range } = JSON.parse(event.Records?.[0].body ?? '{}');
        if (!event.Records || link < POLL) return handler(event, context);
        const message = { ...range, ...(link < POLL + ONCE && { link: link - POLL }) };
        poll ??= other('poll');
        return poll({ Records: [{ ...event.Records[0], body: JSON.stringify(message) }] }, context);
      };
    },
    stack: ({ functions }) => {
      const of = (name: string) => functions.find(({ key }) => key === name)!;
      of('dispatch').environment = { ...of('poll').environment, ...of('dispatch').environment };
      of('dispatch').role.policies.push(...of('poll').role.policies);
    },
  },
  'two look after what is asked for, at any rate': {
    functions: [],
    world: 'webhooks gone for six hours under 60,000 cells',
    stack: ({ queueSources }) => {
      queueSources.find(({ functionKey }) => functionKey === 'poll')!.maximumConcurrency = 2;
    },
  },
  'reconcile sends what already has a chain': {
    functions: ['reconcile'],
    world: '190 open audits at 60 a minute',
    ports: ({ queue }) => ({
      queue: {
        ...queue,
        send: (ranges) => queue.send(Array.from({ length: 100 }, () => ranges).flat(), 900),
      },
    }),
  },
  'two dispatchers ask, at any rate': {
    functions: [],
    world: '3,000 creates a minute',
    stack: ({ functions, queueSources }) => {
      queueSources.find(({ functionKey }) => functionKey === 'dispatch')!.maximumConcurrency = 2;
      for (const { environment } of functions)
        if (environment.DISPATCH_CONCURRENCY) environment.DISPATCH_CONCURRENCY = '2';
    },
  },
  'a deleted audit never hears that its predictions were canceled': {
    functions: ['poll'],
    ports: ({ replicate }) => ({
      replicate: {
        ...replicate,
        cancel: async (id) => ({ ...(await replicate.cancel(id)), status: 'processing' }),
      },
    }),
  },
  'tag may not tag': { functions: [], stack: without('tag', 's3:PutObjectTagging') },
  'backup may not read tags': { functions: [], stack: without('backup', 's3:GetObjectTagging') },
  'reconcile may not delete': { functions: [], stack: without('reconcile', 's3:DeleteObject') },
  'a webhook is answered well although nothing is stored, and polls believe it': {
    functions: WRITERS,
    ports: answering('exists', /\/results\//, true),
  },
  'labels are written without If-None-Match': { functions: ['api'], request: unconditional(/\/labels\//) },
  'a slot is given without If-None-Match': {
    functions: ['api'],
    world: 'twenty rounds are closed while raters answer',
    request: unconditional(/\/slots\//),
  },
  'a withdrawal takes the latest rater of the slot': {
    functions: ['api'],
    world: 'twenty rounds are closed while raters answer',
    handler:
      (handler) =>
      ({ queryStringParameters: { generation: _, ...rest } = {}, ...event }, context) =>
        handler({ ...event, queryStringParameters: rest }, context),
  },
  'nobody remembers who has withdrawn': {
    functions: ['api'],
    ports: inStores((store) => ({
      async *list(prefix, after, page) {
        if (!prefix.endsWith('/withdrawn/')) yield* store.list(prefix, after, page);
      },
    })),
  },
  'rounds have no retention': {
    functions: ['api'],
    request: (_, { Tagging, ...input }) =>
      /^rounds\/.*\/labels\//.test(String(input.Key)) ? input : { ...input, ...(Tagging ? { Tagging } : {}) },
  },
  'a closed round is not looked at by reconcile': {
    functions: ['reconcile'],
    world: 'twenty rounds are closed while raters answer',
    ports: inStores((store) => ({
      exists: async (key) => !/^rounds\/.*\/closed\.json$/.test(key) && store.exists(key),
    })),
  },
  'backup copies no labels': {
    functions: ['backup', 'reconcile'],
    ports: ({ backup }) => ({
      backup: changed(backup, {
        createCopy: async (source, key) =>
          key.includes('/labels/') ? { outcome: 'exists' } : backup.createCopy(source, key),
      }),
    }),
  },
  'a picture is uploaded as ok': {
    functions: ['api'],
    ports: ({ presignUpload }) => ({
      presignUpload: (key, upload, seconds) =>
        presignUpload(key, { ...upload, tags: { ...upload.tags, status: 'ok' } }, seconds),
    }),
  },
  'every picture has an address, also one that is there': {
    functions: ['api'],
    ports: inStores((store) => ({
      async *list(prefix, after, page) {
        if (!prefix.startsWith('images/')) yield* store.list(prefix, after, page);
      },
    })),
  },
  'a study is written without If-Match': {
    functions: ['api'],
    request: unconditional(/^studies\//),
  },
  'a change of a study is answered and not written': {
    functions: ['api'],
    ports: inStores((store) => ({
      swapJson: async (key, ...rest) =>
        key.startsWith('studies/') && rest[1] !== undefined ? 'written' : store.swapJson(key, ...rest),
    })),
  },
};
