import { Fragment } from 'preact';

/** A text that may break after slashes, so that `owner/name` does not break within a word. */
export const Breakable = ({ text }: { text: string }) => (
  <>
    {text.split(/(?<=\/)/).map((part, i) => (
      <Fragment key={i}>
        {i > 0 && <wbr />}
        {part}
      </Fragment>
    ))}
  </>
);
