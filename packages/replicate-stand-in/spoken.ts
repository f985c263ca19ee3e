/**
 * Secret inputs are kept in memory alone, so that no file of the stand-in holds one. What a model says has marks in place of
 * secrets; the values are put in when it is sent.
 */

/** How a model repeats a secret. */
const FORMS = {
  plain: (value: string) => value,
  json: (value: string) => JSON.stringify(value),
  url: (value: string) => encodeURIComponent(value),
  /** As terminals and tracebacks break long lines. */
  lines: (value: string) => `│ ${value.slice(0, value.length / 2)} │\n│ ${value.slice(value.length / 2)} │`,
  base64: (value: string) => Buffer.from(value).toString('base64'),
  /** As in a header `Authorization: Basic …`. */
  basic: (value: string) => Buffer.from(`user:${value}`).toString('base64'),
} as const;

// Characters for private use, which no prompt has.
const MARK = /\ue000(\w+):(\w+)\ue000/gu;

/** Stands for an input's value in what a model says. */
export const mark = (input: string, form: keyof typeof FORMS = 'plain'): string =>
  `\ue000${input}:${form}\ue000`;

/** Shown instead of a secret input, and instead of a mark whose value a restart has lost. */
export const HIDDEN = '[REDACTED]';

/** Secret inputs by prediction. */
export class Secrets {
  readonly #values = new Map<string, Record<string, string>>();

  keep(prediction: string, values: Record<string, string>): void {
    if (Object.keys(values).length > 0) this.#values.set(prediction, values);
  }

  forget(prediction: string): void {
    this.#values.delete(prediction);
  }

  /** A copy of what a model says, with values in place of marks. */
  spell(prediction: string, said: unknown): unknown {
    const values = this.#values.get(prediction) ?? {};
    const spelled = (value: unknown): unknown => {
      if (typeof value === 'string')
        return value.replace(MARK, (_, name: string, form: keyof typeof FORMS) =>
          values[name] === undefined ? HIDDEN : FORMS[form](values[name]),
        );
      if (Array.isArray(value)) return value.map(spelled);
      if (typeof value !== 'object' || value === null) return value;
      return Object.fromEntries(
        Object.entries(value).map(([name, one]) => [String(spelled(name)), spelled(one)]),
      );
    };
    return spelled(said);
  }
}
