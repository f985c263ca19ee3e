/** A fault in the source itself, because nothing outside shows the place. */
export interface Patch {
  file: string;
  /** Texts that the file has once each, and what takes their place. */
  change: [text: string, by: string][];
  /** The named world in which it is looked for, instead of seeds. */
  world?: string;
}

/** Faults that somebody could make within a turn. */
export const PATCHES: Record<string, Patch> = {
  'what is in flight is not bounded': {
    file: 'lib/cells/flow.ts',
    change: [
      [
        'const granted = Math.max(0, Math.min(roomFor(flow, name, wish), wish.wanted));',
        'const granted = wish.wanted;',
      ],
    ],
    world: 'a slow model (5 a minute, 600 cells)',
  },
  'what was aborted is asked for once again, and never more': {
    file: 'lib/records/progress.ts',
    change: [
      [
        "const attempt = Number(number) + (what === '-aborted' ? 1 : 0);",
        "const attempt = Math.min(2, Number(number) + (what === '-aborted' ? 1 : 0));",
      ],
    ],
    world: 'a model stands still for two hours',
  },
  'an audit has no first turns': {
    file: 'lib/cells/ask-turn.ts',
    change: [['const FIRST_TURNS = [2, 4, 8];', 'const FIRST_TURNS: number[] = [];']],
    world: 'two classes of 30 students at once',
  },
  'a create may outlive its function': {
    file: 'lib/cells/ask-turn.ts',
    change: [['time.timeout(Math.max(1, ms))', 'time.timeout(60_000)']],
    world: 'creates that take long, in functions that end after 20 s',
  },
  'after a pause all requests go at once': {
    file: 'lib/cells/pacer.ts',
    change: [
      [
        "const probe = this.#probe === 'due' ? this.#beginProbe() : undefined;",
        'const probe = undefined as { ended: Promise<void>; end: () => void } | undefined;',
      ],
    ],
    world: 'no credit for a day',
  },
  'a cancellation that is refused is a fault': {
    file: 'lib/cells/poll-turn.ts',
    change: [['return replicate.get(id);', 'throw error;']],
  },
  'a reservation does not swap': {
    file: 'lib/records/change.ts',
    change: [
      [
        '(await store.swapJson(key, changed, existing?.etag))',
        "((await store.replaceJson(key, changed)) ?? 'written')",
      ],
    ],
    world: 'fifty audits at once against a dollar',
  },
  'what ended cells had reserved is released twice': {
    file: 'lib/money/spent.ts',
    change: [['Math.max(0, most - ended.most)', 'most - 2 * ended.most']],
    world: 'fifty audits at once against a dollar',
  },
  'the month is that of a function whose clock is wrong': {
    file: 'lib/audits/accept.ts',
    change: [
      [
        'monthOf(first?.modified ?? time.now())',
        'monthOf(new Date(time.now().getTime() + (chance.fraction() < 0.5 ? 31 * 86_400_000 : 0)))',
      ],
    ],
    world: 'fifty audits at once against a dollar',
  },
  'an orphan is released while its request continues': {
    file: 'lib/audits/reconcile.ts',
    change: [['const ORPHAN_MS = 15 * 60_000;', 'const ORPHAN_MS = -1;']],
  },
  'a failed download leaves others running': {
    file: 'lib/cells/finish.ts',
    change: [
      ['const signal = AbortSignal.any([ending.signal, failed.signal]);', 'const { signal } = ending;'],
      [
        'await Promise.allSettled(workers);',
        "await Promise.race([Promise.allSettled(workers), new Promise((resolve) => failed.signal.addEventListener('abort', resolve))]);",
      ],
    ],
  },
  'a snapshot is made at once': {
    file: 'lib/rounds/close.ts',
    change: [['export const SETTLE_MS = 60_000;', 'export const SETTLE_MS = 0;']],
  },
  "a replaced rater's link still takes answers": {
    file: 'lib/rounds/rate.ts',
    change: [['isReplaced: hasSuccessor || hasWithdrawn,', 'isReplaced: hasWithdrawn,']],
    world: 'twenty rounds are closed while raters answer',
  },
  'the answers of the last rater of a slot count': {
    file: 'lib/rounds/close.ts',
    change: [['if (!before || (isWhole && !before.isWhole))', 'if (!before || isWhole)']],
    world: 'twenty rounds are closed while raters answer',
  },
  'answers behind a gate that is shut count': {
    file: 'lib/rounds/close.ts',
    change: [['if (shown.has(codebook.questions[question]!.id))', 'if (shown.size > 0)']],
  },
  'the next rater is shown what is done': {
    file: 'lib/rounds/rate.ts',
    change: [
      [
        'const done = new Set([...before, ...own.older]);',
        'const done = new Set(before.size < 0 ? before : own.older);',
      ],
    ],
  },
  'a deleted audit leaves its rounds': {
    file: 'lib/audits/reconcile.ts',
    change: [
      [
        '[audit, ...(await roundsOfAudit(images, audit))]',
        '[audit, ...(await roundsOfAudit(images, audit)).slice(1)]',
      ],
    ],
  },
  'only its own tombstone ends a round': {
    file: 'lib/records/round.ts',
    change: [['await Promise.all([id, ...audits]', 'await Promise.all([id, ...audits.slice(99)]']],
  },
  'a browser sends again what may be stored, under the next number': {
    file: 'web/src/rate/outbox.ts',
    change: [['stored = new Set(there);', 'stored = new Set();']],
  },
  'a browser forgets what was not stored': {
    file: 'web/src/rate/outbox.ts',
    change: [['stored = new Set(there);', 'if (there === undefined) throw error;']],
  },
  'an address admits other bytes': {
    file: 'lib/aws/presigner.ts',
    change: [
      ["      'content-length': String(bytes),\n", ''],
      ["      'x-amz-checksum-sha256': Buffer.from(sha256, 'hex').toString('base64'),\n", ''],
    ],
  },
  'an address admits a second upload': {
    file: 'lib/aws/presigner.ts',
    change: [["      'if-none-match': '*',\n", '']],
  },
  'an import ends a cell before its picture is there': {
    file: 'lib/cells/take-in.ts',
    change: [
      [
        'const head = hasArrived ? await store.head(imageKey(plan.id, n, 0)) : undefined;',
        "const head = { contentEncoding: undefined, contentType: 'image/png', ...expected } as const;",
      ],
    ],
  },
  'a Content-Encoding is not looked at': {
    file: 'lib/cells/take-in.ts',
    change: [['if (contentEncoding !== undefined) {', 'if (contentEncoding === null) {']],
    world: '2,000 pictures are imported while uploads and S3 fail',
  },
  'what came too late is judged': {
    file: 'lib/audits/unsafe.ts',
    change: [['isImported ? await cellsWithoutPicture', 'isImported && false ? await cellsWithoutPicture']],
    world: '2,000 pictures are imported while uploads and S3 fail',
  },
  'a deleted study takes changes': {
    file: 'lib/audits/studies.ts',
    change: [['study !== undefined && !study.deleted;', 'study !== undefined;']],
  },
  'a change that was overtaken is made to what was read first': {
    file: 'lib/records/change.ts',
    change: [
      [
        '  for (let attempt = 0; attempt < TRIES; attempt++) {\n',
        '  let first: { value: T } | undefined;\n  for (let attempt = 0; attempt < TRIES; attempt++) {\n',
      ],
      [
        'const changed = await next(existing?.value);',
        'first ??= existing;\n    const changed = await next(first?.value);',
      ],
    ],
    world: 'ten people change one study at the same time',
  },
};
