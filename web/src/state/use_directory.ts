// Loads what the page needs to know of the server: model, personas, people.

import { useEffect, useState } from 'react';

import { fetchModel, fetchPersonas, fetchUsers } from '../api/directory';
import { ApiFailure, isAbort, toFailure } from '../api/failure';
import type { PersonaCard } from '../api/types';
import { toPerson } from '../people/person';
import type { Person } from '../people/person';

export interface Directory {
  model: string;
  personas: PersonaCard[];
  people: Person[];
  // False for a key that may not list the users.
  canList: boolean;
}

export type DirectoryState =
  | { status: 'loading' }
  | { status: 'ready'; directory: Directory }
  | { status: 'failed'; failure: ApiFailure };

// What an end user's key may not read is empty rather than an error.
async function unlessForbidden<T>(promise: Promise<T[]>): Promise<T[] | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof ApiFailure && error.kind === 'forbidden') return undefined;
    throw error;
  }
}

async function load(signal: AbortSignal): Promise<Directory> {
  const [model, personas, users] = await Promise.all([
    fetchModel(signal),
    unlessForbidden(fetchPersonas(signal)),
    unlessForbidden(fetchUsers(signal)),
  ]);
  return {
    model,
    personas: personas ?? [],
    people: (users ?? []).map(toPerson),
    canList: users !== undefined,
  };
}

// Loads again whenever `attempt` changes.
export function useDirectory(attempt: number): DirectoryState {
  const [state, setState] = useState<DirectoryState>({ status: 'loading' });
  useEffect(() => {
    const controller = new AbortController();
    setState({ status: 'loading' });
    load(controller.signal).then(
      (directory) => setState({ status: 'ready', directory }),
      (error: unknown) => {
        if (!isAbort(error)) setState({ status: 'failed', failure: toFailure(error) });
      },
    );
    return () => controller.abort();
  }, [attempt]);
  return state;
}
