// What went wrong with a call, in words that a person can act on.

import { asObject, asText, parseJson } from './json';

export type FailureKind = 'key' | 'forbidden' | 'busy' | 'missing' | 'network' | 'server' | 'request';

export class ApiFailure extends Error {
  constructor(
    readonly kind: FailureKind,
    message: string,
    // Seconds until the server wants to be asked again.
    readonly retryAfter?: number,
  ) {
    super(message);
  }
}

function kindOf(status: number): FailureKind {
  if (status === 401) return 'key';
  if (status === 403) return 'forbidden';
  if (status === 404) return 'missing';
  if (status === 429) return 'busy';
  return status >= 500 ? 'server' : 'request';
}

// Retry-After in seconds; the form with a date counts from now.
function secondsOf(header: string | null): number | undefined {
  if (header === null) return undefined;
  const seconds = /^\d+$/.test(header.trim())
    ? Number(header)
    : Math.ceil((Date.parse(header) - Date.now()) / 1000);
  return Number.isFinite(seconds) ? Math.max(0, seconds) : undefined;
}

// From an OpenAI error body, {"error":{"message":..}}.
export function messageOf(body: unknown): string | undefined {
  return asText(asObject(asObject(body)?.error)?.message);
}

export async function failureOf(response: Response): Promise<ApiFailure> {
  const body = parseJson(await response.text().catch(() => ''));
  const message = messageOf(body) ?? `the server answered with status ${response.status}`;
  return new ApiFailure(kindOf(response.status), message, secondsOf(response.headers.get('Retry-After')));
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}

export function toFailure(error: unknown): ApiFailure {
  if (error instanceof ApiFailure) return error;
  return new ApiFailure('network', 'the connection to the server failed');
}
