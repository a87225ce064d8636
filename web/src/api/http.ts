// Calls to the server that serves this page.

import { failureOf, toFailure, isAbort } from './failure';
import { storedKey } from './key';

export interface CallOptions {
  method?: 'GET' | 'POST';
  headers?: Record<string, string>;
  body?: unknown;
  signal?: AbortSignal;
}

// Throws ApiFailure for any answer but 2xx and for a failed connection; an abort passes through.
export async function call(path: string, options: CallOptions = {}): Promise<Response> {
  const headers: Record<string, string> = { ...options.headers };
  const key = storedKey();
  if (key !== '') headers.Authorization = `Bearer ${key}`;
  const init: RequestInit = { method: options.method ?? 'GET', headers, cache: 'no-store' };
  if (options.body !== undefined) {
    headers['Content-Type'] = 'application/json';
    init.body = JSON.stringify(options.body);
  }
  if (options.signal !== undefined) init.signal = options.signal;
  let response: Response;
  try {
    response = await fetch(path, init);
  } catch (error) {
    throw isAbort(error) ? error : toFailure(error);
  }
  if (!response.ok) throw await failureOf(response);
  return response;
}

export async function callJson(path: string, options: CallOptions = {}): Promise<unknown> {
  const response = await call(path, options);
  try {
    return await response.json();
  } catch (error) {
    throw isAbort(error) ? error : toFailure(error);
  }
}
