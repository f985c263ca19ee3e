export { createResolver, type Resolver, type Resource, type Template } from './intrinsics.ts';
export type { FunctionModel, StackModel } from './model.ts';
export { readStack } from './read.ts';
export { readServerless } from './serverless.ts';
