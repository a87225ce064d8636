// Names of the personas, for every component that shows one.

import { createContext, useContext } from 'react';

import type { PersonaCard } from '../api/types';

export const CatalogueContext = createContext<PersonaCard[]>([]);

export function usePersonaName(): (id: string) => string {
  const cards = useContext(CatalogueContext);
  return (id) => cards.find((card) => card.id === id)?.name ?? id;
}
