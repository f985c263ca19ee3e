import type { RouteModel } from '../stack/model.ts';

export interface MatchedRoute {
  route: RouteModel;
  /** `{audit}` and the like, percent-decoded. */
  parameters: Record<string, string>;
}

const PARAMETER = /^\{([^}+]+)(\+?)\}$/;

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** Parameters when the path matches; greedy `{proxy+}` takes all that is left. */
function matchPath(pattern: string, path: string): Record<string, string> | undefined {
  if (pattern === '*') return {};
  const wanted = pattern.split('/').slice(1);
  const actual = path.split('/').slice(1);
  const parameters: Record<string, string> = {};
  for (const [index, segment] of wanted.entries()) {
    const parameter = PARAMETER.exec(segment);
    const value = actual[index];
    if (parameter?.[2] === '+') {
      if (value === undefined || value === '') return undefined;
      parameters[parameter[1] ?? ''] = decode(actual.slice(index).join('/'));
      return parameters;
    }
    if (parameter !== null) {
      if (value === undefined || value === '') return undefined;
      parameters[parameter[1] ?? ''] = decode(value);
    } else if (segment !== value) {
      return undefined;
    }
  }
  return wanted.length === actual.length ? parameters : undefined;
}

/** Greater is more specific: API Gateway takes a full match over a greedy one, fixed segments over parameters. */
function specificity({ method, path }: RouteModel): number {
  if (path === '*') return -1;
  const segments = path.split('/').slice(1);
  const score = segments.reduce((sum, segment) => {
    const parameter = PARAMETER.exec(segment);
    return sum * 4 + (parameter === null ? 3 : parameter[2] === '+' ? 1 : 2);
  }, 0);
  return score * 2 + (method === '*' ? 0 : 1);
}

/** Finds the most specific route, as API Gateway's HTTP APIs do ("Working with routes"). */
export function createRouter(routes: readonly RouteModel[]) {
  const sorted = [...routes].sort((a, b) => specificity(b) - specificity(a));
  return {
    match(method: string, path: string): MatchedRoute | undefined {
      for (const route of sorted) {
        if (route.method !== '*' && route.method !== method) continue;
        const parameters = matchPath(route.path, path);
        if (parameters !== undefined) return { route, parameters };
      }
      return undefined;
    },
  };
}
