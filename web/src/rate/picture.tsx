import { useEffect, useRef, useState } from 'preact/hooks';
import { words } from '../words/rate.ts';
import type { Ready } from './pictures.ts';

interface Props {
  /** Gets the picture; called again to try again. */
  get: () => Ready;
  alt: string;
  blurred: boolean;
  /** A neutral surround, so that no color beside the picture changes how one in it looks. */
  gray: boolean;
  onShow: () => void;
  onSeen: () => void;
}

/** A picture, inserted when it is decoded. The caller gives each picture a `key` of its own. */
export function Picture({ get, alt, blurred, gray, onShow, onSeen }: Props) {
  const frame = useRef<HTMLDivElement>(null);
  const show = useRef<HTMLButtonElement>(null);
  const [state, setState] = useState<'loading' | 'shown' | 'failed'>('loading');
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    let gone = false;
    const { element, done } = get();
    setState('loading');
    done.then(
      () => {
        if (gone) return;
        element.alt = alt;
        frame.current!.replaceChildren(element);
        setState('shown');
        onSeen();
      },
      () => gone || setState('failed'),
    );
    const again = () => setAttempt((count) => count + 1);
    addEventListener('online', again);
    return () => {
      gone = true;
      removeEventListener('online', again);
    };
  }, [attempt]);
  useEffect(() => {
    if (blurred && state === 'shown') show.current?.focus();
  }, [blurred, state]);
  return (
    <div class={`shown${blurred ? ' blurred' : ''}${gray ? ' gray' : ''}`}>
      <div ref={frame} class="frame" />
      {state === 'loading' && <p>{words.loadingPicture}</p>}
      {state === 'failed' && (
        <div role="alert">
          <p>{words.notLoaded}</p>
          <button type="button" onClick={() => setAttempt((count) => count + 1)}>
            {words.tryAgain}
          </button>
        </div>
      )}
      {blurred && state === 'shown' && (
        <button ref={show} type="button" class="primary" onClick={onShow}>
          {words.show}
        </button>
      )}
    </div>
  );
}
