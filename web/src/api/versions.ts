// Versions of a persona's adapter, as GET /v1/personas/{id}/versions tells them, and what changes
// which of them serves.

import { callJson } from './http';
import { asNumber, asObject, asText, objectsOf, present } from './json';
import type { JsonObject } from './json';

export interface GateCheck {
  name: string;
  verdict: string;
  reason: string;
}

export interface Version {
  number: number;
  status: string;
  createdAt: string;
  reason: string;
  parents: string[];
  flags: string[];
  share?: number;
  // It has answered unseen in its trial.
  hasShadow: boolean;
  // Absent until the version has been evaluated.
  gate?: { passed: boolean; checks: GateCheck[] };
}

export interface VersionChange {
  version: number;
  from?: string;
  to: string;
  by: string;
  reason: string;
  at: string;
}

export interface VersionList {
  adapter: string;
  serving?: number;
  versions: Version[];
  history: VersionChange[];
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
}

function decodeGate(value: unknown): Version['gate'] {
  const gate = asObject(value);
  if (gate === undefined) return undefined;
  const checks = objectsOf(gate.checks).map((item) => ({
    name: asText(item.name) ?? '',
    verdict: asText(item.verdict) ?? '',
    reason: asText(item.reason) ?? '',
  }));
  return { passed: gate.passed === true, checks };
}

function decodeVersion(item: JsonObject): Version {
  return present<Version>({
    number: asNumber(item.version) ?? 0,
    status: asText(item.status) ?? '',
    createdAt: asText(item.created_at) ?? '',
    reason: asText(item.reason) ?? '',
    parents: textsOf(item.parents),
    flags: textsOf(item.flags),
    share: asNumber(item.share),
    hasShadow: item.status === 'shadow' || asObject(asObject(item.trial)?.shadow) !== undefined,
    gate: decodeGate(item.gate),
  });
}

function decodeChange(item: JsonObject): VersionChange {
  return present<VersionChange>({
    version: asNumber(item.version) ?? 0,
    from: asText(item.from),
    to: asText(item.to) ?? '',
    by: asText(item.by) ?? '',
    reason: asText(item.reason) ?? '',
    at: asText(item.at) ?? '',
  });
}

const pathOf = (persona: string, what: string) => `/v1/personas/${encodeURIComponent(persona)}/${what}`;

export async function fetchVersions(persona: string, signal: AbortSignal): Promise<VersionList> {
  const body = asObject(await callJson(pathOf(persona, 'versions'), { signal })) ?? {};
  return present<VersionList>({
    adapter: asText(body.adapter) ?? persona,
    serving: asNumber(body.serving),
    versions: objectsOf(body.versions).map(decodeVersion),
    history: objectsOf(body.history).map(decodeChange),
  });
}

export async function promote(persona: string, version: number): Promise<void> {
  await callJson(pathOf(persona, 'promote'), { method: 'POST', body: { version } });
}

export async function rollback(persona: string): Promise<void> {
  await callJson(pathOf(persona, 'rollback'), { method: 'POST', body: {} });
}
