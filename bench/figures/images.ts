import { measureLooks, ROUNDS } from '../looks.ts';
import { type Benchmark, round } from '../report.ts';
import { median } from '../statistics.ts';

const KB = (bytes: number) => round(bytes / 1_000);

/** What looking at an image takes. What it costs is in the benchmark of costs. */
export const images: Benchmark = {
  name: 'images',
  figure: 8,
  title: 'Decoding an image and making its rendition, in the sandbox',
  async run(progress) {
    const { looks, zipped } = await measureLooks(progress);
    return {
      sections: [
        {
          heading: `Processor time: the first image of a process, and the median of ${ROUNDS} more`,
          columns: ['format', 'size', 'kB', 'first, ms', 'warm, ms', 'peak memory, MB', 'rendition, kB'],
          rows: looks.map(({ format, size, bytes, firstMs, warmMs, peakMemoryMb, renditionBytes }) => [
            ...[format, size, KB(bytes), firstMs, warmMs, peakMemoryMb, KB(renditionBytes)],
          ]),
        },
        {
          heading: 'What is shipped for it, zipped, in kB',
          columns: ['file', 'kB'],
          rows: zipped.map(([file, bytes]) => [file, KB(bytes)]),
        },
      ],
      budgets: [],
      notes: [
        `The first image of a process takes ${round(median(looks.map(({ firstMs, warmMs }) => firstMs - warmMs)))} ms more, and starting it some 130 ms, once for each environment of the function.`,
      ],
    };
  },
};
