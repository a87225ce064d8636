// Words for what the `kith` object says in identifiers and numbers.

import type { Evidence, StyleReport } from '../api/types';

const kTechniques: Record<string, string> = {
  persona: 'Persona',
  router: 'Router',
  adapter: 'Adapter',
  style: 'Style card',
  knowledge: 'Knowledge',
  history: 'Earlier conversations',
  embedding: 'What they did',
  candidates: 'Several candidates',
  needs: 'What they need first',
  escalation: 'Who takes over',
};
const kSources: Record<string, string> = {
  draft: 'Model draft',
  extractive: 'Cut from the passages',
};
const kTimings: Record<string, string> = {
  admission: 'Wait for a place',
  total: 'Total',
  personalize: 'Personalize',
  generate: 'Generate',
  record: 'Record',
  queue: 'Queue',
  prefill: 'Read the prompt',
  decode: 'Write',
  first_token: 'First word',
};

function spaced(identifier: string): string {
  const words = identifier.replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export function techniqueName(id: string): string {
  return kTechniques[id] ?? spaced(id);
}

const kRoutes: Record<string, string> = {
  one: 'One persona answers the whole prompt.',
  blend: 'Two personas answer together.',
  parts: 'Two requests, each answered by its own persona.',
  base: 'The base model answers.',
};

export function routeName(kind: string): string {
  return kRoutes[kind] ?? spaced(kind);
}

export function sourceName(id: string): string {
  return kSources[id] ?? spaced(id);
}

export function timingName(id: string): string {
  const part = id.replace(/_ms$/, '');
  return kTimings[part] ?? spaced(part);
}

export function percent(share: number): string {
  if (share > 0 && share < 0.01) return '< 1 %';
  if (share < 1 && share > 0.99) return '> 99 %';
  return `${Math.round(share * 100)} %`;
}

export function duration(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(1)} s`;
  return ms >= 10 ? `${Math.round(ms)} ms` : `${ms.toFixed(1)} ms`;
}

// "grade=technician" and, for a word of a longer value, "title~operator".
function quoted(detail: string): string {
  const match = /^([^=~]+)([=~])(.*)$/s.exec(detail);
  if (match === null) return detail;
  const [, name = '', sign, value] = match;
  return `${name.replaceAll('_', ' ')} ${sign === '=' ? 'is' : 'has'} “${value}”`;
}

// "Grade is “technician”", "Writes “tablet, sync”".
export function evidenceText({ source, detail }: Evidence): string {
  if (source === 'words') return `Writes “${detail}”`;
  if (source === 'context') return `Right now, ${quoted(detail)}`;
  return spaced(quoted(detail));
}

// Log-odds of 0.7 double the odds, of 2.3 make them tenfold.
export function evidenceStrength(weight: number): string {
  const size = Math.abs(weight);
  const adverb = size >= 2.3 ? 'strongly' : size >= 0.7 ? 'clearly' : 'slightly';
  return `speaks ${adverb} ${weight < 0 ? 'against' : 'for'}`;
}

export interface StyleRow {
  name: string;
  asked: string;
  measured: string;
}

function languageName(tag: string | number | undefined): string {
  if (tag === undefined) return '';
  if (tag === 'user') return 'the user’s own';
  try {
    return new Intl.DisplayNames(['en'], { type: 'language' }).of(String(tag)) ?? String(tag);
  } catch {
    return String(tag);
  }
}

function levelText(level: string | number | undefined): string {
  if (level === undefined) return '';
  return `grade ${typeof level === 'number' ? Math.round(level * 10) / 10 : level}`;
}

function count(number: string | number | undefined, unit: string): string {
  if (number === undefined) return '';
  return `${number} ${Number(number) === 1 ? unit : `${unit}s`}`;
}

// Rows of the table "asked for, measured"; rows with nothing in them are left out.
export function styleRows(asked: StyleReport = {}, measured: StyleReport = {}): StyleRow[] {
  const length = [count(measured.words, 'word'), count(measured.sentences, 'sentence')];
  const rows: StyleRow[] = [
    { name: 'Tone', asked: String(asked.tone ?? ''), measured: '' },
    { name: 'Length', asked: String(asked.length ?? ''), measured: length.filter(Boolean).join(', ') },
    { name: 'Form', asked: String(asked.format ?? ''), measured: '' },
    {
      name: 'Reading level',
      asked: levelText(asked.reading_level),
      measured: levelText(measured.reading_level),
    },
    { name: 'Language', asked: languageName(asked.language), measured: languageName(measured.language) },
  ];
  return rows.filter((row) => row.asked !== '' || row.measured !== '');
}
