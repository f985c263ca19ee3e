export { type Access, type AccessRequest, callerOf, type Principal } from './access.ts';
export { type AccessQuestion, evaluate, type Verdict } from './evaluate.ts';
export { many, type PolicyDocument, type RequestContext, type Statement } from './policy.ts';
