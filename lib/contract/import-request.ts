import * as v from 'valibot';
import { SHOWN } from '../images/verdict.ts';
import { DESIGN, IMAGE_BYTES, IMPORT, RETENTIONS } from '../limits.ts';
import { described, optional } from './parts.ts';
import { AuditRequest, list, promptRow, text, wholeNumber } from './request.ts';

/** The body of `POST /api/imports`: pictures that somebody has, before they are uploaded. */
export const ImportRequest = v.strictObject({
  name: v.exactOptional(text(DESIGN.nameLength)),
  model: described(
    text(IMPORT.modelLength),
    'What made the pictures, in free words such as "midjourney v7".',
  ),
  prompts: v.pipe(
    list(
      v.union(
        [text(DESIGN.promptLength), v.omit(promptRow, ['model'])],
        'must be a text, or {"text": …, "factors": {…}}',
      ),
      DESIGN.prompts,
      'prompts',
    ),
    v.minLength(1, 'must have at least one prompt'),
  ),
  pictures: v.pipe(
    list(
      v.strictObject({
        prompt: described(
          wholeNumber(0, DESIGN.prompts - 1),
          'The place of its prompt in `prompts`, from 0.',
        ),
        sha256: v.pipe(
          v.string(),
          v.regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits in lower case'),
          v.description('Of its bytes. No other file can be uploaded in its place.'),
        ),
        bytes: wholeNumber(1, IMAGE_BYTES),
        format: optional(
          v.picklist(SHOWN, `must be ${SHOWN.slice(0, -1).join(', ')} or ${SHOWN.at(-1)}`),
          'What its first bytes announce. What it is, is judged after the upload.',
        ),
      }),
      DESIGN.predictions,
      'pictures',
    ),
    v.minLength(1, 'must have at least one picture'),
  ),
  reference: AuditRequest.entries.reference,
  retention: v.exactOptional(v.picklist(RETENTIONS, 'must be short, standard or keep')),
});
export type ImportRequest = v.InferOutput<typeof ImportRequest>;
