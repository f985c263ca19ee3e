import { given, some, whole } from './locale.ts';

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB'];
/** `1.2 MB`, in powers of 1,000; whole bytes and kB. */
export function size(bytes: number): string {
  const power = bytes < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1_000 ** power;
  return `${power < 2 ? whole(value) : value.toLocaleString(navigator.languages, { maximumFractionDigits: 1 })} ${UNITS[power]}`;
}

const pictures = (n: number, blank = 0) =>
  `${some(n, 'image', 'images')}${blank > 0 ? ` and ${whole(blank)} blank` : ''}`;

/** The whole audit as one file. */
export const words = {
  title: (isStudy: boolean) => `Download the whole ${isStudy ? 'study' : 'audit'}`,
  counting: (loaded: number, of: number) =>
    `Counting the images: ${whole(loaded)} of ${whole(of)} predictions.`,
  /** @param audits of a study, each in a folder of its own */
  holds: (images: number, blank: number, bytes: number, audits: number | undefined) =>
    `One ZIP file with ${pictures(images, blank)} (${size(bytes)}), the manifest as JSON and CSV, and index.html, which shows the grid without a connection.${audits === undefined ? '' : ` Each of ${some(audits, 'audit', 'audits')} has a folder of its own; one manifest has the predictions of all.`}`,
  withheld: (n: number, why: string) =>
    `${some(n, 'output is', 'outputs are')} not in it (${why}). The manifest and index.html name ${n === 1 ? 'it' : 'them'}.`,
  toDisk: 'Choose where to save it. It is written to the disk while it downloads.',
  inMemory: 'This browser keeps the file in memory until it is complete, and then saves it.',
  tooLarge: (bytes: number, most: number) =>
    `This is too large for this browser: the images have ${size(bytes)}, and a file that is kept in memory may have ${size(most)} at most. Chrome and Edge on a computer write it straight to the disk. In any case this command downloads it:`,
  studyTooLarge: (most: number) =>
    `This study is too large to be saved from the page: it has more than ${whole(most)} predictions. This command downloads it:`,
  command: (audit: string) => `npx weaudit download ${audit}`,
  check: (folder: string) => `npx weaudit verify ${folder}`,
  save: 'Save ZIP',
  altered: 'the SHA-256 does not match the record',
  again: 'Save again',
  progress: 'Images downloaded',
  soFar: (images: number, of: number, bytes: number, all: number) =>
    `${whole(images)} of ${pictures(of)}, ${size(bytes)} of ${size(all)}`,
  goesOn: 'You can close this window and look at the audit meanwhile. Keep this page open.',
  finishing: 'Finishing the file …',
  cancel: 'Cancel download',
  canceled: 'The download was canceled. Nothing was saved.',
  done: (images: number, blank: number, bytes: number, name: string) =>
    `${given(name)} is complete: ${pictures(images, blank)}, ${size(bytes)}. The SHA-256 of every image was checked.`,
  howToCheck: 'After unpacking, this command checks every file without a connection:',
  missing: (files: string[], most: number) =>
    `${pictures(files.length)} could not be fetched and ${files.length === 1 ? 'is' : 'are'} missing in the file: ${files
      .slice(0, most)
      .join(
        ', ',
      )}${files.length > most ? ' …' : ''}. Download it again, or run this command on the unpacked folder, which fetches only what is missing:`,
  complete: (audit: string, folder: string) => `npx weaudit download ${audit} ${folder}`,
  withoutRendition: (n: number) =>
    `${some(n, 'small image', 'small images')} could not be fetched; index.html shows the ${n === 1 ? 'original' : 'originals'}.`,
  notWritten: (why: string) => `The file could not be written: ${why}. Nothing was saved. Try again.`,
  diskFull: 'The disk is full. Nothing was saved. Free some space, or choose another place.',
  close: 'Close',
};
