/** Parts of the schemas of what the HTTP API takes and answers. */
import * as v from 'valibot';
import { AUDIT_ID } from '../limits.ts';

/** A schema with what its values mean, as the description of the API says it. */
export const described = <Schema extends v.GenericSchema>(schema: Schema, text: string) =>
  v.pipe(schema, v.description<v.InferOutput<Schema>, string>(text));

/** The same of a member that may be absent. */
export const optional = <Schema extends v.GenericSchema>(schema: Schema, text: string) =>
  v.exactOptional(described(schema, text));

/** A text of this form. @param message what it must be, as the end of a sentence */
export const matching = (form: RegExp, message?: string) => v.pipe(v.string(), v.regex(form, message));

export const count = v.pipe(v.number(), v.integer(), v.minValue(0));
/** When something was, by this pipeline's clock. */
export const instant = v.pipe(v.string(), v.isoTimestamp());
export const AuditId = matching(AUDIT_ID);
export const createdBy = described(v.string(), 'Name of the API token.');
/** Where the next page begins. */
export const cursor = <Schema extends v.GenericSchema>(schema: Schema) =>
  optional(schema, 'Where the next page begins. Absent on the last.');
