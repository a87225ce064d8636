// Decodes the `kith` object of a response (docs/formats/http.md).

import { asNumber, asObject, asText, objectsOf, present } from './json';
import type { JsonObject } from './json';
import type {
  Candidate,
  Degradation,
  Evidence,
  Kith,
  Passage,
  PersonaWeight,
  PlanStep,
  Route,
  RoutePart,
  StyleReport,
} from './types';

function listOf<T>(value: unknown, decode: (item: JsonObject) => T | undefined): T[] | undefined {
  const list = objectsOf(value).flatMap((item) => decode(item) ?? []);
  return list.length > 0 ? list : undefined;
}

export function decodePersonas(value: unknown): PersonaWeight[] | undefined {
  const weights: PersonaWeight[] = Object.entries(asObject(value) ?? {}).flatMap(([id, weight]) => {
    const probability = asNumber(weight);
    return probability === undefined ? [] : [{ id, probability }];
  });
  return weights.length > 0
    ? weights.sort((a, b) => b.probability - a.probability)
    : undefined;
}

function decodeEvidence(item: JsonObject): Evidence | undefined {
  const persona = asText(item.persona);
  const detail = asText(item.detail);
  if (persona === undefined || detail === undefined) return undefined;
  return { persona, detail, source: asText(item.source) ?? '', weight: asNumber(item.weight) ?? 0 };
}

function decodeStep(item: JsonObject): PlanStep | undefined {
  const technique = asText(item.technique);
  if (technique === undefined) return undefined;
  return {
    technique,
    used: item.used === true,
    reason: asText(item.reason) ?? '',
    tokens: asNumber(item.tokens) ?? 0,
    ms: asNumber(item.ms) ?? 0,
  };
}

function decodePassage(item: JsonObject): Passage | undefined {
  const id = asText(item.id);
  const start = asNumber(item.start);
  const end = asNumber(item.end);
  if (id === undefined || start === undefined || end === undefined) return undefined;
  return { id, title: asText(item.title) ?? id, start, end };
}

function decodeCandidate(item: JsonObject): Candidate | undefined {
  const source = asText(item.source);
  const score = asNumber(item.ne);
  if (source === undefined || score === undefined) return undefined;
  return present<Candidate>({
    source,
    score,
    grounding: asNumber(item.grounding),
    meanLogprob: asNumber(item.mean_logprob),
    chosen: item.chosen === true,
    excerpt: asText(item.excerpt),
  });
}

function decodeStyle(value: unknown): StyleReport | undefined {
  const report: StyleReport = {};
  for (const [name, part] of Object.entries(asObject(value) ?? {})) {
    const known = asText(part) ?? asNumber(part);
    if (known !== undefined) report[name] = known;
  }
  return Object.keys(report).length > 0 ? report : undefined;
}

function decodeDegradation(item: JsonObject): Degradation | undefined {
  const step = asText(item.step);
  return step === undefined ? undefined : { step, reason: asText(item.reason) ?? '' };
}

function decodeTiming(value: unknown): Record<string, number> | undefined {
  const timing: Record<string, number> = {};
  for (const [name, ms] of Object.entries(asObject(value) ?? {})) {
    const number = asNumber(ms);
    if (number !== undefined) timing[name] = number;
  }
  return Object.keys(timing).length > 0 ? timing : undefined;
}

function decodeNumbers(value: unknown): Record<string, number> | undefined {
  const numbers: Record<string, number> = {};
  for (const [name, part] of Object.entries(asObject(value) ?? {})) {
    const number = asNumber(part);
    if (number !== undefined) numbers[name] = number;
  }
  return Object.keys(numbers).length > 0 ? numbers : undefined;
}

function decodeRoutePart(item: JsonObject): RoutePart | undefined {
  const start = asNumber(item.start);
  const end = asNumber(item.end);
  if (start === undefined || end === undefined) return undefined;
  return present<RoutePart>({
    start,
    end,
    persona: asText(item.persona),
    adapters: decodeNumbers(item.adapters),
    scores: decodePersonas(item.scores),
  });
}

function decodeRoute(value: unknown): Route | undefined {
  const object = asObject(value);
  const kind = asText(object?.kind);
  if (object === undefined || kind === undefined) return undefined;
  return present<Route>({
    kind,
    reason: asText(object.reason),
    scores: decodePersonas(object.scores),
    margin: asNumber(object.margin),
    threshold: asNumber(object.threshold),
    split: asNumber(object.split),
    splitThreshold: asNumber(object.split_threshold),
    parts: listOf(object.parts, decodeRoutePart),
  });
}

// Returns undefined if `value` is no object.
export function decodeKith(value: unknown): Kith | undefined {
  const object = asObject(value);
  if (object === undefined) return undefined;
  const style = asObject(object.style);
  return present<Kith>({
    user: asText(object.user),
    decision: asText(object.decision),
    conversation: asText(object.conversation),
    personas: decodePersonas(object.persona),
    assignedPersona: asText(object.assigned_persona),
    queueClass: asText(object.queue_class),
    evidence: listOf(object.evidence, decodeEvidence),
    adapter: asText(object.adapter),
    route: decodeRoute(object.route),
    plan: listOf(object.plan, decodeStep),
    passages: listOf(object.passages, decodePassage),
    candidates: listOf(object.candidates, decodeCandidate),
    probability: asNumber(object.probability),
    styleAsked: decodeStyle(style?.asked),
    styleMeasured: decodeStyle(style?.measured),
    degraded: listOf(object.degraded, decodeDegradation),
    timing: decodeTiming(object.timing),
  });
}
