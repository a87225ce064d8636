// Who stands in the two columns when the page opens: two people who clearly belong to two personas,
// as far apart in reading level as the catalogue has them.
//
// The server assigns personas when somebody asks; until then the page only guesses, from the words
// that a job and the description of a persona share.

import type { PersonaCard } from '../api/types';
import { kNobody } from './person';
import type { Person } from './person';

const kStemLength = 5;
const kMinShared = 2;

// The beginnings of the words: "technicians" meets "technician", "design" meets "designers".
function stems(text: string): Set<string> {
  const words = text.toLowerCase().match(/[a-z]{4,}/g) ?? [];
  return new Set(words.map((word) => word.slice(0, kStemLength)));
}

function wordsOf(card: PersonaCard): Set<string> {
  return stems(`${card.name} ${card.description}`);
}

function numShared(a: Set<string>, b: Set<string>): number {
  return [...a].filter((stem) => b.has(stem)).length;
}

// The persona that shares two words with the job, one of them with its title, when no other persona
// shares any.
function guessedPersona({ attributes }: Person, cards: PersonaCard[]): string | undefined {
  const title = stems(attributes.title ?? '');
  const job = stems(`${attributes.title ?? ''} ${attributes.grade ?? ''} ${attributes.department ?? ''}`);
  const sharing = cards.filter((card) => numShared(job, wordsOf(card)) > 0);
  const only = sharing.length === 1 ? sharing[0] : undefined;
  if (only === undefined || numShared(title, wordsOf(only)) === 0) return undefined;
  return numShared(job, wordsOf(only)) >= kMinShared ? only.id : undefined;
}

function personaOf(person: Person, cards: PersonaCard[]): string | undefined {
  const listed = person.personas[0];
  if (listed !== undefined) return listed.probability > 0.8 ? listed.id : undefined;
  return guessedPersona(person, cards);
}

function isWellDescribed({ attributes }: Person): boolean {
  return Boolean(attributes.name && attributes.title && attributes.department);
}

function pairByPersona(people: Person[], cards: PersonaCard[]): [Person, Person] | undefined {
  const representative = new Map<string, Person>();
  for (const person of people) {
    const persona = isWellDescribed(person) ? personaOf(person, cards) : undefined;
    if (persona !== undefined && !representative.has(persona)) representative.set(persona, person);
  }
  const ranked = cards
    .filter((card) => representative.has(card.id))
    .sort((a, b) => (a.readingLevel ?? 0) - (b.readingLevel ?? 0));
  const plainest = representative.get(ranked[0]?.id ?? '');
  const richest = representative.get(ranked.at(-1)?.id ?? '');
  if (plainest === undefined || richest === undefined || plainest === richest) return undefined;
  return [plainest, richest];
}

export function defaultPair(
  people: Person[],
  cards: PersonaCard[],
  language: string,
): [Person, Person] {
  const speakers = people.filter(({ attributes }) => (attributes.language ?? language) === language);
  const pair = pairByPersona(speakers, cards) ?? pairByPersona(people, cards);
  if (pair !== undefined) return pair;
  const first = people[0] ?? kNobody;
  const second = people.find(
    (person) => person.attributes.department !== first.attributes.department,
  );
  return [first, second ?? people[1] ?? kNobody];
}
