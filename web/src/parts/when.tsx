import { dateTime } from '../words/locale.ts';

/** A date and time in the reader's time zone. */
export const When = ({ at }: { at: string }) => (
  <time dateTime={at} title={at}>
    {dateTime(at)}
  </time>
);
