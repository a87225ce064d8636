// Thumbs: POST /v1/feedback.

import { callJson } from './http';
import { asList, asObject } from './json';
import { randomId } from './random_id';

export type Thumb = -1 | 1;

// Resolves when the server has stored it. Throws ApiFailure.
export async function sendThumb(decision: string, user: string, value: Thumb): Promise<void> {
  const body = {
    decision,
    user,
    signals: [{ kind: 'thumb', value }],
    // A new one for each click: the same thumb after a change of mind counts again.
    key: `page-${randomId()}`,
  };
  const reply = asObject(await callJson('/v1/feedback', { method: 'POST', body }));
  if (asList(reply?.applied_to).length === 0) throw new Error('the server knows no such answer');
}
