// The people, personas, articles and models that a server knows.

import { callJson } from './http';
import { userHeader } from './identity';
import { asNumber, asObject, asText, objectsOf, present } from './json';
import type { JsonObject } from './json';
import { decodePersonas } from './kith_codec';
import type { Article, PersonaCard, User } from './types';

function textsOf(value: unknown): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const [name, part] of Object.entries(asObject(value) ?? {})) {
    if (typeof part === 'string' || typeof part === 'number') texts[name] = String(part);
  }
  return texts;
}

function decodeUser(item: JsonObject): User | undefined {
  const id = asText(item.id);
  if (id === undefined) return undefined;
  const attributes = textsOf(item.attributes);
  return present<User>({ id, attributes, personas: decodePersonas(item.persona) });
}

function decodePersona(item: JsonObject): PersonaCard | undefined {
  const id = asText(item.id);
  if (id === undefined) return undefined;
  return present<PersonaCard>({
    id,
    name: asText(item.name) ?? id,
    description: asText(item.description) ?? '',
    readingLevel: asNumber(asObject(item.style)?.reading_level),
  });
}

const kMaxPages = 100;

// All users, or as many as a hundred pages hold.
export async function fetchUsers(signal: AbortSignal): Promise<User[]> {
  const users = new Map<string, User>();
  let cursor = '';
  for (let page = 0; page < kMaxPages; ++page) {
    const body = asObject(await callJson(`/v1/users?limit=1000${cursor}`, { signal }));
    const numBefore = users.size;
    for (const item of objectsOf(body?.data)) {
      const user = decodeUser(item);
      if (user !== undefined) users.set(user.id, user);
    }
    const next = asText(body?.next);
    // A page without anybody new would go on for ever.
    if (next === undefined || users.size === numBefore) break;
    cursor = `&after=${encodeURIComponent(next)}`;
  }
  return [...users.values()];
}

export async function fetchPersonas(signal: AbortSignal): Promise<PersonaCard[]> {
  const body = asObject(await callJson('/v1/personas', { signal }));
  return objectsOf(body?.data).flatMap((item) => decodePersona(item) ?? []);
}

// The name of the first model served.
export async function fetchModel(signal: AbortSignal): Promise<string> {
  const body = asObject(await callJson('/v1/models', { signal }));
  return asText(objectsOf(body?.data)[0]?.id) ?? 'kith';
}

// As `user` may read it; empty: as the caller may.
export async function fetchArticle(id: string, user: string, signal: AbortSignal): Promise<Article> {
  const path = `/v1/knowledge/${encodeURIComponent(id)}`;
  const body = asObject(await callJson(path, { signal, headers: userHeader(user) })) ?? {};
  return present<Article>({
    id: asText(body.id) ?? id,
    title: asText(body.title) ?? id,
    text: asText(body.text) ?? '',
    lang: asText(body.lang),
  });
}
