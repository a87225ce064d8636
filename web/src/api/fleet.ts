// Figures of a persona's users over time, as GET /v1/personas/{id}/stats tells them.

import { callJson } from './http';
import { asNumber, asObject, asText, objectsOf, present } from './json';
import type { JsonObject } from './json';

export interface FleetCounts {
  from: string;
  size: number;
  joined: number;
  left: number;
  // Absent where too few users asked.
  answers?: { requests: number; users: number; thumbsUp: number; thumbsDown: number; share: number };
  // To users whose own persona it is, whoever answered them; absent as above.
  toOwnUsers?: { requests: number; users: number };
}

export interface FleetFigures {
  size: number;
  // Of all users with a persona, [0, 1].
  shareOfUsers: number;
  minUsers: number;
  total: FleetCounts;
  buckets: FleetCounts[];
}

function decodeCounts(item: JsonObject): FleetCounts {
  const isWithheld = item.withheld === true;
  const own = asObject(item.to_own_users);
  return present<FleetCounts>({
    from: asText(item.from) ?? '',
    size: asNumber(item.size) ?? 0,
    joined: asNumber(item.joined) ?? 0,
    left: asNumber(item.left) ?? 0,
    answers: isWithheld
      ? undefined
      : {
          requests: asNumber(item.requests) ?? 0,
          users: asNumber(item.users) ?? 0,
          thumbsUp: asNumber(item.thumbs_up) ?? 0,
          thumbsDown: asNumber(item.thumbs_down) ?? 0,
          share: asNumber(item.share) ?? 0,
        },
    toOwnUsers:
      own === undefined || own.withheld === true
        ? undefined
        : { requests: asNumber(own.requests) ?? 0, users: asNumber(own.users) ?? 0 },
  });
}

export async function fetchFleet(persona: string, days: number, signal: AbortSignal): Promise<FleetFigures> {
  const from = new Date(Date.now() - (days - 1) * 86_400_000).toISOString().slice(0, 10);
  const query = new URLSearchParams({ from, bucket: days > 60 ? 'week' : 'day' });
  const path = `/v1/personas/${encodeURIComponent(persona)}/stats?${query.toString()}`;
  const body = asObject(await callJson(path, { signal })) ?? {};
  return {
    size: asNumber(body.size) ?? 0,
    shareOfUsers: asNumber(body.share_of_users) ?? 0,
    minUsers: asNumber(body.min_users) ?? 0,
    total: decodeCounts(asObject(body.total) ?? {}),
    buckets: objectsOf(body.buckets).map(decodeCounts),
  };
}
