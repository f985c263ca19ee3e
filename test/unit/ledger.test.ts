import type { AuditFacts, Output, Prediction, StoredObject } from '../../ledger/facts.ts';
import { type Broken, checkAudit, checkDeadLetters, PROMISES } from '../../ledger/rules.ts';

const HOUR_MS = 3_600_000;
const RETENTION = { retention: 'standard' };
const SHOWN = { ...RETENTION, status: 'ok', format: 'png', size: 'small' };

/** Its manifest as a table. */
const TABLE = `n,prompt,model,version,sample,seed,seedSource,status,error,refusal,asked,returned,filtered,lost,quarantined,askedAt,completedAt,predictTime,predictionId,index,key,sha256,bytes,contentType,width,height,imageStatus,imageError
0,a cat,m,,0,1,sent,succeeded,,,1,1,0,0,0,,,,p0,0,images/a/00000/0,bytes,,,,,ok,
1,a cat,m,,1,2,sent,failed,it broke,,1,0,0,0,0,,,,p2,,,,,,,,,
`;

/** What the services know of an audit `a` of two cells: one succeeded, the other failed at its second prediction. */
function facts() {
  const record = (json?: unknown, sha256 = 'r', tags: Record<string, string> = RETENTION): StoredObject => ({
    versions: 1,
    modified: 10_000,
    sha256,
    tags,
    metadata: {},
    json,
  });
  const image = () => ({ ...record(undefined, 'bytes', SHOWN), metadata: { prediction: 'p0' } });
  const stored = { index: 0, key: 'images/a/00000/0', sha256: 'bytes' };
  const counted = { seedSource: 'sent', asked: 1, filtered: 0 };
  const results = [
    {
      ...{ ...counted, status: 'succeeded', seed: 1, returned: 1, images: [stored] },
      ...{ prediction: { id: 'p0' }, sent: { input: { seed: 1 } } },
    },
    {
      ...{ ...counted, status: 'failed', seed: 2, returned: 0, images: [], error: 'it broke' },
      ...{ prediction: { id: 'p2' }, sent: { input: { seed: 2 } } },
    },
  ];
  const planned = { prompt: 'a cat', factors: {}, model: 'm' };
  const cells = results.map(({ prediction, sent: { input }, images, ...result }, n) => ({
    ...{ ...result, ...planned, n, sample: n, predictionId: prediction.id, input },
    images: images.map((image) => ({ ...image, status: 'ok' })),
  }));
  const copied = () =>
    Object.entries({
      'audits/a/audit.json': record({
        ...{ retention: 'standard', samples: 2, prompts: [{ text: 'a cat' }], models: [{ model: 'm' }] },
      }),
      'audits/a/manifest.csv': { ...record(), text: TABLE },
      'audits/a/manifest.json': record({ cells }),
      'images/a/00000/0': image(),
    });
  const prediction = (id: string, cell: number, status: string, outputs: Output[]): Prediction => ({
    id,
    cell,
    createdAt: 1_000,
    completedAt: 2_000,
    status,
    error: null,
    input: { seed: cell + 1 },
    outputs,
    seed: cell + 1,
    withheld: 0,
  });
  const predictions = [
    prediction('p0', 0, 'succeeded', [{ sha256: 'bytes' }]),
    prediction('p1', 1, 'aborted', []),
    { ...prediction('p2', 1, 'failed', []), createdAt: 3_000 },
  ];
  const images = new Map<string, StoredObject>([
    ...copied(),
    ['audits/a/blocks/00000.json', record([results[0]])],
    ['audits/a/blocks/00001.json', record([results[1]])],
    ['audits/a/dispatched/00000.json', record({ predictionId: 'p0' })],
    ['audits/a/dispatched/00001.json', record({ predictionId: 'p1' })],
    ['audits/a/dispatched/00001-aborted', record()],
    ['audits/a/dispatched/00001-2.json', record({ predictionId: 'p2' })],
    [`audits/a/failed/00001.failed.${sizeOf(results[1])}`, record()],
    ['audits/a/judged/00000/0.ok.png.8x8.-.-.d1', record()],
    ['audits/a/results/00000.json', record(results[0])],
    ['audits/a/results/00001.json', record(results[1])],
    ['audits/a/spent/00000.3000.3000', record()],
    ['audits/a/spent/00001.0.3000', record()],
    ['audits/a/spent/extra-p3.3000', record()],
    ['audits/a/waiting.json', { ...record(), versions: 7 }],
    ['renditions/a/00000/0', record(undefined, 'small', { ...RETENTION, status: 'ok' })],
  ]);
  const backup = new Map<string, StoredObject>(copied());
  const of = (key: string) => images.get(key)!;
  return {
    audit: 'a',
    cells: 2,
    images,
    backup,
    predictions,
    reason: (): string | undefined => undefined,
    refused: new Set<number>(),
    mayGiveUp: false as boolean,
    record,
    image: of('images/a/00000/0'),
    copy: backup.get('images/a/00000/0')!,
    rendition: of('renditions/a/00000/0'),
    result: of('audits/a/results/00000.json'),
    failure: of('audits/a/results/00001.json'),
  } satisfies AuditFacts & Record<string, unknown>;
}
type Facts = ReturnType<typeof facts>;

const sizeOf = (record: unknown) => Buffer.byteLength(JSON.stringify(record));
const unnamed = (error?: string) => [{ index: 0, ...(error && { error }) }];
const remove = (key: string) => (a: Facts) => a.images.delete(key);
const add = (key: string) => (a: Facts) => a.images.set(key, a.record());
const JUDGED = 'audits/a/judged/00000/0.ok.png.8x8.-.-.d1';
/** The image, as it is once the decoder has condemned it. */
const condemn = (a: Facts) => {
  for (const one of [a.image, a.copy]) one.tags = { ...SHOWN, status: 'quarantined' };
  remove(JUDGED)(a);
  add('audits/a/judged/00000/0.quarantined.png.8x8.-.damaged.d1')(a);
  a.images.get('audits/a/manifest.json')!.json.cells[0].images[0].status = 'quarantined';
  const table = a.images.get('audits/a/manifest.csv')!;
  table.text = TABLE.replace(',0,0,0,,,,p0', ',0,0,1,,,,p0').replace(',ok,', ',quarantined,');
};
/** The image, as a purge leaves it. */
const purge = (a: Facts) => {
  for (const key of ['images/a/00000/0', 'renditions/a/00000/0', JUDGED]) remove(key)(a);
  a.backup.delete('images/a/00000/0');
  add('audits/a/judged/00000/0.quarantined.unknown.0x0.-.purged.d0')(a);
  add('purged/a/00000/0')(a);
};
/** The audit, as if its pictures had been announced by somebody who has them. */
const announce = (a: Facts) => {
  const picture = { sha256: 'bytes', isBroken: false, isEncoded: false };
  Object.assign(a, { imported: [picture, picture] });
};
const upload = (a: Facts, change: Partial<StoredObject> = {}) =>
  a.images.set('images/a/00001/0', { ...a.record(undefined, 'bytes', { status: 'pending' }), ...change });
/** A cell that was closed without a prediction. */
const close = ({ images, failure, record }: Facts) => {
  images.set('audits/a/dispatched/00001.json', record({ closed: 'failed' }));
  images.delete('audits/a/dispatched/00001-aborted');
  images.delete('audits/a/dispatched/00001-2.json');
  failure.json.prediction = undefined;
};

/** One wrong fact for each promise that an audit can break. */
const PLANTS: Record<Exclude<Broken, 'no message dies without a fault'>, (a: Facts) => unknown> = {
  'every accepted audit ends': add('open/a'),
  'a picture that came in time is in its result': (a) => {
    announce(a);
    upload(a);
    a.failure.modified = 10_000 + 3 * 24 * HOUR_MS;
  },
  'an import ends without a picture only if it did not come': announce,
  'a picture that came too late is shown to nobody': (a) => {
    announce(a);
    upload(a, { tags: SHOWN });
  },
  'every cell has a result': remove('audits/a/results/00000.json'),
  'every cell has a binding': remove('audits/a/dispatched/00000.json'),
  'what waits never fails': close,
  'every output is stored, or the result says why not': (a) => {
    a.result.json.images = unnamed();
  },
  'an output that still exists is stored': (a) => {
    a.result.json.images = unnamed('expired: it is gone');
    a.result.modified = 2_000 + HOUR_MS - 2_000;
  },
  'nothing is lost': remove('images/a/00000/0'),
  'everything has its backup': (a) => a.backup.delete('images/a/00000/0'),
  'a fact is written once': (a) => {
    a.image.versions = 2;
  },
  'a cell has one binding': remove('audits/a/dispatched/00001-aborted'),
  'every prediction is for a cell of its audit': (a) => {
    a.cells = 1;
  },
  'a binding names a prediction of its cell': (a) => a.predictions.shift(),
  'only what was aborted is marked so': (a) => {
    a.predictions[1]!.status = 'failed';
  },
  'a result is of the bound prediction': (a) => {
    a.result.json.prediction.id = 'p1';
  },
  'a result has the input that Replicate received': (a) => {
    a.result.json.sent.input.seed = 9;
  },
  'a result says how its prediction ended': (a) => {
    a.predictions[2]!.error = 'flagged as sensitive (E005)';
  },
  'a result invents no output': (a) => {
    a.predictions[0]!.outputs = [];
  },
  'a result says which seed was used': (a) => {
    a.predictions[0]!.seed = 7;
  },
  'a result says how many outputs were withheld': (a) => {
    a.predictions[2]!.withheld = 1;
  },
  'what was aborted is requested again': (a) => {
    a.predictions[0]!.status = 'aborted';
  },
  'counts by LIST follow the results': ({ images, failure }) =>
    images.delete(`audits/a/failed/00001.failed.${sizeOf(failure.json)}`),
  'an image is stored byte for byte': (a) => {
    a.image.sha256 = 'others';
  },
  'a cell holds the images of one prediction': (a) => {
    a.image.metadata.prediction = 'p1';
  },
  'every image is judged once': add('audits/a/judged/00000/0.ok.webp.8x8'),
  'every image that is ok and was decoded has its rendition': remove('renditions/a/00000/0'),
  'only an image that is ok has a rendition': condemn,
  'a rendition has the status and retention of its image': (a) => {
    a.rendition.tags = { ...RETENTION, status: 'pending' };
  },
  'a rendition is not backed up': (a) => a.backup.set('renditions/a/00000/0', a.record()),
  'of a purged image nothing is left': (a) => {
    purge(a);
    add('renditions/a/00000/0')(a);
  },
  'an image keeps its retention': (a) => {
    a.image.tags = { ...SHOWN, retention: 'short' };
  },
  'a backup is its original': (a) => {
    a.copy.sha256 = 'others';
  },
  'a backup has the tags of its original': (a) => {
    a.copy.tags = { ...SHOWN, status: 'pending' };
  },
  'summaries say what the results say': (a) => {
    a.images.get('audits/a/blocks/00001.json')!.json[0] = a.result.json;
  },
  'what a block cost is noted once': add('audits/a/spent/00000.0.3000'),
  'the manifest says what the results say': (a) => {
    a.images.get('audits/a/manifest.json')!.json.cells[1].status = 'refused';
  },
  'nothing is left over': add('leases/a/00000'),
  'of a deleted audit nothing is left': add('deleted/a'),
  'a deleted audit is not paid for any more': (a) => {
    add('deleted/a')(a);
    a.predictions[0]!.status = 'processing';
  },
  'no cell is paid twice without a reason': (a) => {
    a.predictions[1]!.completedAt = 4_000;
  },
};

const promisesOf = (a: Facts) => checkAudit(a).map(({ promise }) => promise);

test('an audit that ended as it should breaks no promise', () => {
  expect(checkAudit(facts())).toEqual([]);
});

test.each(Object.entries(PLANTS))('a wrong fact is found: %s', (promise, plant) => {
  const wrong = facts();
  plant(wrong);
  expect(promisesOf(wrong)).toContain(promise);
});

test('every promise is tried with a wrong fact', () => {
  expect([...Object.keys(PLANTS), 'no message dies without a fault'].sort()).toEqual(
    Object.keys(PROMISES).sort(),
  );
});

test.each([
  ['a wrong value', 'sent,failed', 'sent,refused'],
  ['a missing row', /^1,.*\n/m, ''],
  ['a short row', /p2,.*$/m, 'p2'],
])('a table with %s breaks a promise', (_, right, wrong) => {
  const broken = facts();
  broken.images.get('audits/a/manifest.csv')!.text = TABLE.replace(right, wrong);
  expect(promisesOf(broken)).toEqual(['the manifest says what the results say']);
});

test.each([
  ['is missing', remove('audits/a/blocks/00001.json')],
  ['has a cell of another block', (a: Facts) => a.images.get('audits/a/blocks/00000.json')!.json.push({})],
  ['lacks a cell', (a: Facts) => a.images.get('audits/a/blocks/00000.json')!.json.pop()],
])('a summary that %s breaks a promise', (_, plant) => {
  const wrong = facts();
  plant(wrong);
  expect(promisesOf(wrong)).toContain('summaries say what the results say');
});

test.each([
  ['is missing', remove('audits/a/spent/00001.0.3000')],
  ['is of no block', add('audits/a/spent/00002.0.3000')],
])('what a block cost breaks a promise if it %s', (_, plant) => {
  const wrong = facts();
  plant(wrong);
  expect(new Set(promisesOf(wrong))).toEqual(new Set(['what a block cost is noted once']));
});

test('a dead letter breaks a promise unless faults explain it', () => {
  const letters = [
    { what: 'cells 0 to 9', why: undefined },
    { what: 'cells 10 to 19', why: 'killed' },
  ];
  expect(checkDeadLetters(letters)).toEqual([
    { promise: 'no message dies without a fault', key: '', what: 'cells 0 to 9' },
  ]);
});

/** Facts beside a plant that make it right. */
const EXCUSES: [keyof typeof PLANTS, string, (a: Facts) => unknown][] = [
  [
    'no cell is paid twice without a reason',
    'a fault hid the first prediction',
    (a) => {
      a.reason = () => 'its dispatcher was killed';
    },
  ],
  [
    'an output that still exists is stored',
    'it could never be downloaded',
    (a) => {
      a.predictions[0]!.outputs = [{ sha256: '', gone: true }];
    },
  ],
  [
    'an output that still exists is stored',
    'its hour was over',
    (a) => {
      a.result.modified += 1_000;
    },
  ],
  [
    'what waits never fails',
    'Replicate failed while it was asked',
    (a) => {
      a.mayGiveUp = true;
    },
  ],
  [
    'what waits never fails',
    'Replicate refused its input',
    (a) => {
      a.refused.add(1);
    },
  ],
  [
    'a result says which seed was used',
    'Replicate had removed the log',
    (a) => {
      a.result.json.prediction.dataRemoved = true;
    },
  ],
  [
    'what waits never fails',
    'the audit was canceled',
    (a) => {
      a.failure.json.status = 'canceled';
      add('audits/a/cancel.json')(a);
    },
  ],
];

test.each(EXCUSES)('%s, unless %s', (promise, _, excuse) => {
  const right = facts();
  PLANTS[promise](right);
  excuse(right);
  expect(promisesOf(right)).not.toContain(promise);
});

test.each([
  ['images', 'images/a/00000/0'],
  ['images', 'renditions/a/00000/0'],
  ['backup', 'images/a/00000/0'],
] as const)('a trace of a purged image is found: in %s, %s', (bucket, key) => {
  const purged = facts();
  purge(purged);
  expect(checkAudit(purged)).toEqual([]);
  purged[bucket].set(key, purged.record());
  expect(promisesOf(purged)).toContain('of a purged image nothing is left');
});

test('a rendition that was written twice, or is of no image, is found', () => {
  const twice = facts();
  twice.rendition.versions = 2;
  expect(promisesOf(twice)).toContain('a fact is written once');
  const strange = facts();
  add('renditions/a/00000/1')(strange);
  expect(promisesOf(strange)).toContain('nothing is left over');
});

test('a rendition of a deleted audit is found, and tombstones of purges are not', () => {
  const deleted = facts();
  deleted.images.clear();
  for (const key of ['deleted/a', 'purged/a/audit', 'purged/a/00000/0']) add(key)(deleted);
  expect(checkAudit(deleted)).toEqual([]);
  add('renditions/a/00000/0')(deleted);
  expect(promisesOf(deleted)).toEqual(['of a deleted audit nothing is left']);
});

test('an image that was judged before there was a decoder needs no rendition', () => {
  const older = facts();
  remove(JUDGED)(older);
  add('audits/a/judged/00000/0.ok.png.8x8')(older);
  remove('renditions/a/00000/0')(older);
  expect(checkAudit(older)).toEqual([]);
});

test('an image that a wrong length cut is right if it is quarantined', () => {
  const cut = facts();
  cut.predictions[0]!.outputs = [{ sha256: 'whole', cut: new Set(['bytes']) }];
  expect(promisesOf(cut)).toContain('every image is judged once');
  condemn(cut);
  remove('renditions/a/00000/0')(cut);
  expect(checkAudit(cut)).toEqual([]);
});
