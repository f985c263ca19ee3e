/** The OpenAPI description of a version with these inputs, as Cog writes it. */
export const openapiOf = (
  properties: object,
  { required = ['prompt'], schemas = {} }: { required?: string[]; schemas?: object } = {},
) => ({
  openapi: '3.0.2',
  info: { title: 'Cog', version: '0.1.0' },
  paths: {},
  components: { schemas: { Input: { type: 'object', title: 'Input', required, properties }, ...schemas } },
});

/** Inputs that say nothing but their names. */
export const named = (...names: string[]) =>
  openapiOf(Object.fromEntries(names.map((name) => [name, {}])), { required: [] });
