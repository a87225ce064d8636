// An employee as the page shows them.

import type { PersonaWeight, User } from '../api/types';

export interface Person {
  // Empty: nobody, an anonymous reader.
  id: string;
  name: string;
  title: string;
  // Department and place.
  detail: string;
  attributes: Record<string, string>;
  // As the directory lists them, most likely first; may be empty.
  personas: PersonaWeight[];
}

export const kNobody: Person = {
  id: '',
  name: 'Nobody',
  title: 'Anonymous reader',
  detail: 'A plain answer, nothing stored',
  attributes: {},
  personas: [],
};

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export function toPerson({ id, attributes, personas = [] }: User): Person {
  const title = attributes.title ?? attributes.grade ?? '';
  const detail = [attributes.department, attributes.location].filter(Boolean).join(' · ');
  return { id, name: attributes.name ?? id, title: capitalised(title), detail, attributes, personas };
}

// A person whom the directory does not list.
export function unlistedPerson(id: string): Person {
  return { id, name: id, title: 'Not in the directory', detail: '', attributes: {}, personas: [] };
}

export function initialsOf(person: Person): string {
  if (person.id === '') return '–';
  const words = person.name.split(/\s+/).filter(Boolean);
  const first = words[0]?.[0] ?? '';
  const last = words.length > 1 ? (words.at(-1)?.[0] ?? '') : '';
  return (first + last).toUpperCase();
}

// Every word of the query must occur in the id, name, title, department or place.
export function matches(person: Person, query: string): boolean {
  const text = `${person.id} ${person.name} ${person.title} ${person.detail}`.toLowerCase();
  return query
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}
