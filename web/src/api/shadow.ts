// What a version in shadow would have answered, measured beside what served, as
// GET /v1/personas/{id}/versions/{version}/shadow tells it.

import { callJson } from './http';
import { asNumber, asObject, asText, objectsOf } from './json';

export interface ShadowFigure {
  name: string;
  // Which way is for the better.
  better: 'up' | 'down' | 'neither';
  shadow: number;
  served: number;
  // shadow - served, with its 95 % interval over users.
  change: number;
  low: number;
  high: number;
}

export interface ShadowJudgement {
  serving: number;
  users: number;
  answers: number;
  // Names of measures.
  better: string[];
  worse: string[];
  figures: ShadowFigure[];
  examples: { shadow: string; served: string }[];
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
}

export async function fetchShadow(persona: string, version: number, signal: AbortSignal): Promise<ShadowJudgement> {
  const path = `/v1/personas/${encodeURIComponent(persona)}/versions/${version}/shadow?examples=3`;
  const body = asObject(await callJson(path, { signal })) ?? {};
  return {
    serving: asNumber(body.serving) ?? 0,
    users: asNumber(body.users) ?? 0,
    answers: asNumber(body.answers) ?? 0,
    better: textsOf(body.better),
    worse: textsOf(body.worse),
    figures: objectsOf(body.figures).map((item) => ({
      name: asText(item.name) ?? '',
      better: item.better === 'up' || item.better === 'down' ? item.better : 'neither',
      shadow: asNumber(item.shadow) ?? 0,
      served: asNumber(item.served) ?? 0,
      change: asNumber(item.change) ?? 0,
      low: asNumber(item.low) ?? 0,
      high: asNumber(item.high) ?? 0,
    })),
    examples: objectsOf(body.examples).map((item) => ({
      shadow: asText(item.shadow) ?? '',
      served: asText(item.served) ?? '',
    })),
  };
}
