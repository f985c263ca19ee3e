/** Stands in for `@smithy/core/event-streams`: only SelectObjectContent answers with an event stream. */
export const resolveEventStreamSerdeConfig = <T>(config: T): T => config;
export const eventStreamSerdeProvider = () => undefined;
export class EventStreamSerde {
  constructor() {
    throw new Error('event streams are not in this bundle: see build/bundle.ts');
  }
}
