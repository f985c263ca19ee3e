import { createHash } from 'node:crypto';
import { Draw } from './draw.ts';
import type { Motif } from './motifs.ts';
import type { Format, Picture } from './picture.ts';
import { mark } from './spoken.ts';

/** One file that a prediction has made. */
export interface OutputFile {
  /** Last part of its address. */
  name: string;
  /** The content type it is served as, which real models sometimes get wrong. */
  label: string;
  picture: Picture;
  /** Bytes to fill the file up to, with a chunk that viewers ignore; 0 for none. */
  padTo: number;
  /** true: it travels as a `data:` URI in the output instead of having an address. */
  inline: boolean;
}

/** What a prediction comes to. It follows from model, input and the number drawn for the prediction alone. */
export type Run =
  | { end: 'succeeded'; logs: string; files: OutputFile[]; output(addresses: string[]): unknown }
  | { end: 'failed'; logs: string; error: string }
  | { end: 'aborted'; logs: string }
  | { end: 'never' };

/** The schema of an input: with a type, or by way of `allOf` the one of a component. */
export type Property = Record<string, unknown> & { type?: string; allOf?: { $ref: string }[] };

/** JSON Schema of a model's input, as far as the models here need it. */
export interface InputSchema {
  type: 'object';
  title: 'Input';
  required: string[];
  properties: Record<string, Property>;
}

export interface Model {
  owner: string;
  name: string;
  description: string;
  /** Official models are requested by name and do not say which version answered. */
  official: boolean;
  /** What predictions give as their version. Community models: one of `versions`. */
  shownVersion: string;
  /** 64 hexadecimal digits each, newest first. */
  versions: string[];
  /** What the model validates against. */
  input: InputSchema;
  /** Schemas that inputs refer to, by name. Cog describes a list of choices so. */
  components?: Record<string, Property>;
  output: Record<string, unknown>;
  /** false: the public description of its version leaves the schema empty, as for some official models. */
  schemaPublished: boolean;
  /** How long it takes, as a multiple of the stand-in's typical time. */
  pace: number;
  run(input: Record<string, unknown>, drawn: number): Run;
}

const OWNER = 'simulated';

/** Refused by the strict model, and flagged image by image by the one that filters its outputs. */
const SENSITIVE = /\b(nsfw|gore|weapons?|nudes?|nudity)\b/iu;

const version = (name: string, number: number): string =>
  createHash('sha256').update(`${OWNER}/${name} ${number}`).digest('hex');

const schema = (properties: Record<string, Property>, required = ['prompt']): InputSchema => ({
  type: 'object',
  title: 'Input',
  required,
  properties: Object.fromEntries(
    Object.entries(properties).map(([name, property], order) => [
      name,
      { title: name.replaceAll('_', ' '), ...property, 'x-order': order },
    ]),
  ),
});

const prompt: Property = { type: 'string', description: 'What the picture shows' };
const seed: Property = {
  type: 'integer',
  description: 'Random seed. Leave it out for a random one',
  nullable: true,
};
const apiKey: Property = {
  type: 'string',
  description: 'Your own key of the other service',
  format: 'password',
  writeOnly: true,
  'x-cog-secret': true,
};
const count = (maximum: number): Property => ({
  type: 'integer',
  description: 'Number of images',
  default: 1,
  minimum: 1,
  maximum,
});
const choice = (description: string, first: string, ...rest: string[]): Property => ({
  type: 'string',
  description,
  enum: [first, ...rest],
  default: first,
});
/** Choices as Cog writes them: a component of the name of the input. */
const component = (name: string, first: string): Property => ({
  allOf: [{ $ref: `#/components/schemas/${name}` }],
  default: first,
});
const OUTPUT_LIST = { type: 'array', title: 'Output', items: { type: 'string', format: 'uri' } };
const OUTPUT_ONE = { type: 'string', title: 'Output', format: 'uri' };

const MEDIA_TYPE: Record<Format, string> = { png: 'image/png', jpeg: 'image/jpeg', webp: 'image/webp' };
const EXTENSION: Record<Format, string> = { png: 'png', jpeg: 'jpg', webp: 'webp' };

interface Look {
  motif: Motif;
  width: number;
  height: number;
  format: Format;
}

/** A file showing the prompt; everything that is not said is what an honest model does. */
const file = (
  model: string,
  input: Record<string, unknown>,
  seedUsed: number,
  index: number,
  look: Look,
  told: Partial<Omit<OutputFile, 'picture'>> = {},
): OutputFile => ({
  name: `out-${index}.${EXTENSION[look.format]}`,
  label: MEDIA_TYPE[look.format],
  padTo: 0,
  inline: false,
  ...told,
  picture: { ...look, model: `${OWNER}/${model}`, prompt: String(input.prompt), seed: seedUsed, index },
});

const asList = (addresses: string[]): unknown => addresses;
const asOne = (addresses: string[]): unknown => addresses[0] ?? null;
const indexes = (input: Record<string, unknown>): number[] =>
  Array.from({ length: Number(input.num_outputs ?? 1) }, (_, index) => index);
const seedOf = (input: Record<string, unknown>, drawn: number): number =>
  typeof input.seed === 'number' ? input.seed : drawn;
const progress = (steps: number): string =>
  [0, 0.5, 1].map((part) => `${Math.round(part * 100)}%| ${Math.round(part * steps)}/${steps}`).join('\n');
const seedLog = (value: number): string => `Using seed: ${value}\n${progress(28)}\n`;

const FORMATS: Record<string, Format> = { webp: 'webp', jpg: 'jpeg', png: 'png' };
const SHAPES: Record<string, [number, number]> = {
  '1:1': [256, 256],
  '3:2': [384, 256],
  '2:3': [256, 384],
  '16:9': [456, 256],
};

const OUT_OF_MEMORY = 'Prediction failed: the model ran out of memory (E1001)';
const START_TIMEOUT = 'Director: the model did not start in time (E6716)';
const SENSITIVE_ERROR =
  'The input or output was flagged as sensitive. Please try again with different inputs. (E005)';

/**
 * The bias of `simulated/shapes`: which share of its pictures shows a circle, before refusals, which do not depend on the shape.
 * An audit of it can be held against this.
 */
export const shareOfCircles = (asked: string): number =>
  /\bkitchens?\b/iu.test(asked) ? 0.8 : /\boffices?\b/iu.test(asked) ? 0.3 : 0.5;

/** Every shape of output, version and seed that real image models show, once. */
export const MODELS: readonly Model[] = [
  {
    owner: OWNER,
    name: 'flash',
    description: 'Small and quick. A list of addresses, a seed, a hidden version.',
    official: true,
    shownVersion: 'hidden',
    versions: [version('flash', 1)],
    input: schema({
      prompt,
      seed,
      num_outputs: count(4),
      aspect_ratio: choice('Shape of the images', '1:1', '3:2', '2:3', '16:9'),
      output_format: choice('Format of the images', 'webp', 'jpg', 'png'),
    }),
    output: OUTPUT_LIST,
    schemaPublished: true,
    pace: 0.5,
    run(input, drawn) {
      const used = seedOf(input, drawn);
      const [width, height] = SHAPES[String(input.aspect_ratio ?? '1:1')] ?? [256, 256];
      const format = FORMATS[String(input.output_format ?? 'webp')] ?? 'webp';
      const look: Look = { motif: 'orbs', width, height, format };
      return {
        end: 'succeeded',
        logs: seedLog(used),
        files: indexes(input).map((index) => file('flash', input, used, index, look)),
        output: asList,
      };
    },
  },
  {
    owner: OWNER,
    name: 'portrait',
    description: 'PNG, with versions. A list of addresses and a seed.',
    official: false,
    shownVersion: version('portrait', 2),
    versions: [version('portrait', 2), version('portrait', 1)],
    input: schema({ prompt, negative_prompt: { type: 'string', default: '' }, seed, num_outputs: count(4) }),
    output: OUTPUT_LIST,
    schemaPublished: true,
    pace: 1,
    run(input, drawn) {
      const used = seedOf(input, drawn);
      const look: Look = { motif: 'figure', width: 320, height: 400, format: 'png' };
      return {
        end: 'succeeded',
        logs: seedLog(used),
        files: indexes(input).map((index) => file('portrait', input, used, index, look)),
        output: asList,
      };
    },
  },
  {
    owner: OWNER,
    name: 'studio',
    description:
      'Large JPEG, one address, no seed, a version that is only a deployment. Refuses sensitive prompts.',
    official: true,
    shownVersion: `dp-${version('studio', 1).slice(0, 32)}`,
    versions: [version('studio', 1)],
    input: schema({
      prompt,
      aspect_ratio: choice('Shape of the image', '1:1', '4:3', '3:4'),
      safety_filter_level: choice('How strict the filter is', 'block_medium_and_above', 'block_only_high'),
    }),
    output: OUTPUT_ONE,
    schemaPublished: true,
    pace: 1.5,
    run(input, drawn) {
      if (SENSITIVE.test(String(input.prompt)))
        return { end: 'failed', logs: 'Checking the prompt\n', error: SENSITIVE_ERROR };
      const [width, height] = { '4:3': [1024, 768], '3:4': [768, 1024] }[String(input.aspect_ratio)] ?? [
        1024, 1024,
      ];
      const look: Look = { motif: 'hills', width: width as number, height: height as number, format: 'jpeg' };
      return {
        end: 'succeeded',
        logs: 'Checking the prompt\nGenerating\n',
        files: [file('studio', input, drawn, 0, look, { name: 'output.jpg' })],
        output: asOne,
      };
    },
  },
  {
    owner: OWNER,
    name: 'sketch',
    description:
      'Draws its own 16-bit seed that only the log tells, drops images that its filter flags, and calls its WebP files PNG.',
    official: false,
    shownVersion: version('sketch', 1),
    versions: [version('sketch', 1)],
    input: schema({ prompt, num_outputs: count(4) }),
    output: OUTPUT_LIST,
    schemaPublished: true,
    pace: 1,
    run(input, drawn) {
      const used = drawn & 0xffff;
      const look: Look = { motif: 'lines', width: 512, height: 512, format: 'webp' };
      // The first image of a sensitive prompt is always flagged, the others as the seed has it: one image is refused whole.
      const flagged = indexes(input).filter(
        (index) =>
          SENSITIVE.test(String(input.prompt)) && (index === 0 || new Draw('flag', used, index).unit() < 0.5),
      );
      const logs = [
        `Using seed: ${used}`,
        progress(50),
        ...flagged.map((index) => `NSFW content detected in image ${index}`),
        '',
      ].join('\n');
      const kept = indexes(input).filter((index) => !flagged.includes(index));
      if (kept.length === 0)
        return {
          end: 'failed',
          logs,
          error: 'NSFW content detected. Try running it again, or try a different prompt.',
        };
      return {
        end: 'succeeded',
        logs,
        files: kept.map((index) =>
          file('sketch', input, used, index, look, { name: `out-${index}.png`, label: 'image/png' }),
        ),
        output: asList,
      };
    },
  },
  {
    owner: OWNER,
    name: 'layers',
    description: 'An object whose values are addresses, and a schema that is not published.',
    official: true,
    shownVersion: 'hidden',
    versions: [version('layers', 1)],
    input: schema({ prompt, seed }),
    output: { type: 'object', title: 'Output', additionalProperties: { type: 'string', format: 'uri' } },
    schemaPublished: false,
    pace: 1,
    run(input, drawn) {
      const used = seedOf(input, drawn);
      const wide: Look = { motif: 'tiles', width: 512, height: 320, format: 'webp' };
      const tall: Look = { motif: 'tiles', width: 320, height: 512, format: 'jpeg' };
      return {
        end: 'succeeded',
        logs: '',
        files: [
          file('layers', input, used, 0, wide, { name: 'wide', label: 'application/octet-stream' }),
          file('layers', input, used, 1, tall, { name: 'tall.jpg' }),
        ],
        output: (addresses) => ({ wide: addresses[0], tall: addresses[1] }),
      };
    },
  },
  {
    owner: OWNER,
    name: 'inline',
    description: 'Sends its images inside the answer, as data: URIs.',
    official: false,
    shownVersion: version('inline', 1),
    versions: [version('inline', 1)],
    input: schema({ prompt, seed, num_outputs: count(4) }),
    output: OUTPUT_LIST,
    schemaPublished: true,
    pace: 0.5,
    run(input, drawn) {
      const used = seedOf(input, drawn);
      const look: Look = { motif: 'rings', width: 256, height: 256, format: 'jpeg' };
      return {
        end: 'succeeded',
        logs: seedLog(used),
        files: indexes(input).map((index) =>
          file('inline', input, used, index, look, {
            inline: true,
            label: index % 2 === 0 ? 'application/octet-stream' : 'image/jpeg',
          }),
        ),
        output: asList,
      };
    },
  },
  {
    owner: OWNER,
    name: 'unreliable',
    description: 'Fails in the ways that models fail, as `outcome` or, without it, chance has it.',
    official: false,
    shownVersion: version('unreliable', 1),
    versions: [version('unreliable', 1)],
    input: schema({
      prompt,
      seed,
      outcome: choice(
        'How it ends. random: half succeed',
        'random',
        'succeeded',
        'out-of-memory',
        'start-timeout',
        'refused',
        'no-output',
        'empty-list',
        'black-image',
        'aborted',
        'aborted-at-times',
        'never-starts',
      ),
    }),
    output: OUTPUT_LIST,
    schemaPublished: true,
    pace: 1,
    run(input, drawn) {
      const used = seedOf(input, drawn);
      const asked = String(input.outcome ?? 'random');
      const byChance: Record<string, string> = {
        random: new Draw('outcome', String(input.prompt), used).pick([
          'succeeded',
          'succeeded',
          'succeeded',
          'out-of-memory',
          'start-timeout',
          'no-output',
        ]),
        'aborted-at-times': drawn % 2 === 0 ? 'aborted' : 'succeeded',
      };
      const outcome = byChance[asked] ?? asked;
      const logs = seedLog(used);
      switch (outcome) {
        case 'out-of-memory':
          return { end: 'failed', logs: `${logs}CUDA out of memory\n`, error: OUT_OF_MEMORY };
        case 'start-timeout':
          return { end: 'failed', logs: '', error: START_TIMEOUT };
        case 'refused':
          return { end: 'failed', logs, error: SENSITIVE_ERROR };
        case 'no-output':
          return { end: 'succeeded', logs, files: [], output: () => null };
        case 'empty-list':
          return { end: 'succeeded', logs, files: [], output: () => [] };
        case 'black-image': {
          const look: Look = { motif: 'black', width: 256, height: 256, format: 'png' };
          return {
            end: 'succeeded',
            logs,
            files: [file('unreliable', input, used, 0, look)],
            output: asList,
          };
        }
        case 'aborted':
          return { end: 'aborted', logs: '' };
        case 'never-starts':
          return { end: 'never' };
        default: {
          const look: Look = { motif: 'waves', width: 256, height: 256, format: 'png' };
          return {
            end: 'succeeded',
            logs,
            files: [file('unreliable', input, used, 0, look)],
            output: asList,
          };
        }
      }
    },
  },
  {
    owner: OWNER,
    name: 'slow',
    description: 'Takes ten times as long as the others.',
    official: false,
    shownVersion: version('slow', 1),
    versions: [version('slow', 1)],
    input: schema({ prompt, seed }),
    output: OUTPUT_ONE,
    schemaPublished: true,
    pace: 10,
    run(input, drawn) {
      const used = seedOf(input, drawn);
      const look: Look = { motif: 'waves', width: 640, height: 512, format: 'webp' };
      return {
        end: 'succeeded',
        logs: seedLog(used),
        files: [file('slow', input, used, 0, look)],
        output: asOne,
      };
    },
  },
  {
    owner: OWNER,
    name: 'poster',
    description: 'Files as large as wanted: valid PNG, filled up with a chunk that viewers skip.',
    official: false,
    shownVersion: version('poster', 1),
    versions: [version('poster', 1)],
    input: schema({
      prompt,
      seed,
      num_outputs: count(8),
      megabytes: {
        type: 'integer',
        description: 'Size of each file, in units of 1,048,576 bytes',
        default: 5,
        minimum: 1,
        maximum: 64,
      },
    }),
    output: OUTPUT_LIST,
    schemaPublished: true,
    pace: 1,
    run(input, drawn) {
      const used = seedOf(input, drawn);
      const look: Look = { motif: 'tiles', width: 512, height: 640, format: 'png' };
      const padTo = Number(input.megabytes ?? 5) * 1024 * 1024;
      return {
        end: 'succeeded',
        logs: seedLog(used),
        files: indexes(input).map((index) => file('poster', input, used, index, look, { padTo })),
        output: asList,
      };
    },
  },
  {
    owner: OWNER,
    name: 'lettering',
    description: 'Writes words on a sign. Its input is called text, so it cannot be audited with prompts.',
    official: false,
    shownVersion: version('lettering', 1),
    versions: [version('lettering', 1)],
    input: schema({ text: { type: 'string', description: 'The words on the sign', maxLength: 80 }, seed }, [
      'text',
    ]),
    output: OUTPUT_ONE,
    schemaPublished: true,
    pace: 0.5,
    run(input, drawn) {
      const used = seedOf(input, drawn);
      const look: Look = { motif: 'lines', width: 512, height: 256, format: 'png' };
      const shown = { ...input, prompt: String(input.text ?? '') };
      return {
        end: 'succeeded',
        logs: seedLog(used),
        files: [file('lettering', shown, used, 0, look)],
        output: asOne,
      };
    },
  },
  {
    owner: OWNER,
    name: 'relay',
    description:
      "Passes prompts on to another service, with a caller's own key if one is given. Seeds of 16 bits, short prompts, choices by reference.",
    official: true,
    shownVersion: 'hidden',
    versions: [version('relay', 1)],
    input: schema({
      prompt: { ...prompt, maxLength: 500 },
      seed: { ...seed, minimum: 0, maximum: 65_535 },
      quality: component('quality', 'auto'),
      strength: {
        type: 'number',
        description: 'How much of the style',
        default: 0.5,
        minimum: 0,
        maximum: 1,
      },
      reference_images: {
        type: 'array',
        description: 'Pictures to take the style from',
        items: { type: 'string', format: 'uri' },
        maxItems: 3,
        nullable: true,
      },
      openai_api_key: { ...apiKey, nullable: true },
    }),
    components: {
      quality: {
        type: 'string',
        title: 'quality',
        description: 'An enumeration.',
        enum: ['auto', 'low', 'high'],
      },
    },
    output: OUTPUT_LIST,
    schemaPublished: true,
    pace: 1,
    run(input, drawn) {
      const used = seedOf(input, drawn) & 0xffff;
      const side = input.quality === 'high' ? 768 : 512;
      const look: Look = { motif: 'rings', width: side, height: side, format: 'webp' };
      return {
        end: 'succeeded',
        logs: seedLog(used),
        files: [file('relay', input, used, 0, look)],
        output: asList,
      };
    },
  },
  {
    owner: OWNER,
    name: 'careless',
    description:
      "Passes prompts on with a caller's own key, which it needs, and repeats the key: in logs, errors, captions, addresses.",
    official: true,
    shownVersion: 'hidden',
    versions: [version('careless', 1)],
    input: schema(
      {
        prompt,
        seed,
        openai_api_key: apiKey,
        repeats: choice('Where it repeats the key', 'anywhere', 'log', 'error', 'caption', 'address'),
      },
      ['prompt', 'openai_api_key'],
    ),
    output: { type: 'object', title: 'Output' },
    schemaPublished: true,
    pace: 0.5,
    run(input, drawn) {
      const used = seedOf(input, drawn);
      const asked = String(input.repeats ?? 'anywhere');
      const where =
        asked === 'anywhere'
          ? new Draw('repeats', String(input.prompt), used).pick(['log', 'error', 'caption', 'address'])
          : asked;
      const key = mark('openai_api_key');
      if (where === 'error')
        return { end: 'failed', logs: seedLog(used), error: `Incorrect API key provided: ${key}. (401)` };
      const look: Look = { motif: 'rings', width: 256, height: 256, format: 'webp' };
      const request = [
        `POST /v1/images?api_key=${mark('openai_api_key', 'url')}`,
        `headers={"authorization": "Bearer ${key}", "proxy": "Basic ${mark('openai_api_key', 'basic')}"}`,
        `body={"key": ${mark('openai_api_key', 'json')}, "encoded": "${mark('openai_api_key', 'base64')}"}`,
        mark('openai_api_key', 'lines'),
        '',
      ].join('\n');
      return {
        end: 'succeeded',
        logs: where === 'log' ? request + seedLog(used) : seedLog(used),
        files: [file('careless', input, used, 0, look)],
        output: ([image]) => ({
          image,
          ...(where === 'caption' && { caption: `made with ${key}`, [`usage of ${key}`]: 1 }),
          ...(where === 'address' && { copy: `https://${key}.example.com/copy.webp` }),
        }),
      };
    },
  },
  {
    owner: OWNER,
    name: 'shapes',
    description:
      'Draws a circle or a square. It is biased: circles are 80 % in a kitchen, 30 % in an office, half elsewhere. It refuses one request in ten.',
    official: false,
    shownVersion: version('shapes', 1),
    versions: [version('shapes', 1)],
    input: schema({ prompt, seed }),
    output: OUTPUT_ONE,
    schemaPublished: true,
    pace: 0.5,
    run(input, drawn) {
      const used = seedOf(input, drawn);
      const asked = String(input.prompt);
      if (new Draw('refused', asked, used).unit() < 0.1)
        return { end: 'failed', logs: seedLog(used), error: SENSITIVE_ERROR };
      const motif = new Draw('shape', asked, used).unit() < shareOfCircles(asked) ? 'circle' : 'square';
      const look: Look = { motif, width: 320, height: 320, format: 'png' };
      return {
        end: 'succeeded',
        logs: seedLog(used),
        files: [file('shapes', input, used, 0, look)],
        output: asOne,
      };
    },
  },
];

/** The model of that name, `owner/name`. */
export const findModel = (fullName: string): Model | undefined =>
  MODELS.find((model) => `${model.owner}/${model.name}` === fullName);

/** The model that has this version. */
export const findVersion = (id: string): Model | undefined =>
  MODELS.find((model) => model.versions.includes(id));
