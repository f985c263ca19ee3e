import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { words } from '../words/app.ts';
import { Alert } from './alert.tsx';

interface Props {
  label: string;
  class?: string;
  onClose: () => void;
  children: ComponentChildren;
}

/** A modal dialog of the browser. It keeps the focus inside, and returns it when it closes. */
export function Dialog({ label, class: name = '', onClose, children }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const element = dialog.current!;
    const before = document.activeElement;
    element.showModal();
    // A dialog with keys of its own must not start on a button, which would react to Enter; a long one not at its end.
    element.querySelector<HTMLElement>(':scope > [tabindex="-1"]')?.focus();
    return () => {
      element.close();
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      class={name}
      aria-label={label}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      {children}
    </dialog>
  );
}

/** Asks before something that cannot be undone. */
export function Confirm(props: {
  title: string;
  action: string;
  /** What the button says that changes nothing. */
  keep?: string;
  busy: boolean;
  problem: string | undefined;
  onConfirm: () => void;
  onClose: () => void;
  children: ComponentChildren;
}) {
  return (
    <Dialog label={props.title} class="confirm" onClose={props.onClose}>
      <h2>{props.title}</h2>
      {props.children}
      <Alert text={props.problem} />
      <div class="buttons">
        <button type="button" onClick={props.onClose}>
          {props.keep ?? words.keepAudit}
        </button>
        <button type="button" class="danger" disabled={props.busy} onClick={props.onConfirm}>
          {props.action}
        </button>
      </div>
    </Dialog>
  );
}
