// The "why" in three words, always in sight.

import type { Kith } from '../api/types';
import { usePersonaName } from '../people/catalogue';
import { percent, sourceName } from './wording';

export function SummaryChips({ kith }: { kith: Kith }) {
  const nameOf = usePersonaName();
  const top = kith.personas?.[0];
  const chosen = kith.candidates?.find((candidate) => candidate.chosen);
  const isAssigned = top !== undefined && kith.assignedPersona === top.id;
  return (
    <ul className="summary" aria-label="In short">
      <li className={isAssigned ? 'chip chip-persona' : 'chip'}>
        {isAssigned ? `${nameOf(top.id)} ${percent(top.probability)}` : 'No persona'}
      </li>
      <li className="chip">{kith.adapter !== undefined ? `Adapter ${kith.adapter}` : 'Base model'}</li>
      {kith.queueClass !== undefined && kith.queueClass !== 'normal' && (
        <li className="chip">Queue: {kith.queueClass}</li>
      )}
      {chosen !== undefined && <li className="chip">{sourceName(chosen.source)}</li>}
    </ul>
  );
}
