export { type Listener, listen } from './listen.ts';
export { type Emulator, type EmulatorFaults, type RunOptions, runStack } from './run.ts';
export type { RequestHandler, Service } from './service.ts';
export { openParameterStore, type ParameterStore } from './ssm/parameters.ts';
