// How likely each persona is, and why.

import type { Evidence, PersonaWeight } from '../api/types';
import { usePersonaName } from '../people/catalogue';
import { evidenceStrength, evidenceText, percent } from './wording';

const kMaxEvidence = 6;

function Bar({ name, probability, isTop }: { name: string; probability: number; isTop: boolean }) {
  return (
    <li className={isTop ? 'bar bar-top' : 'bar'}>
      <span className="bar-name">{name}</span>
      <svg className="bar-track" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
        <rect className="bar-rest" width="100" height="6" />
        <rect className="bar-fill" width={Math.max(probability * 100, 0.8)} height="6" />
      </svg>
      <span className="bar-value">{percent(probability)}</span>
    </li>
  );
}

interface PersonaBarsProps {
  personas: PersonaWeight[];
  evidence: Evidence[];
}

export function PersonaBars({ personas, evidence }: PersonaBarsProps) {
  const nameOf = usePersonaName();
  const top = personas[0]?.id;
  // Reasons for and against the likeliest persona come first: they are what the reader asks about.
  const reasons = [
    ...evidence.filter(({ persona }) => persona === top),
    ...evidence.filter(({ persona }) => persona !== top),
  ].slice(0, kMaxEvidence);
  return (
    <>
      <ul className="bars">
        {personas.map(({ id, probability }) => (
          <Bar key={id} name={nameOf(id)} probability={probability} isTop={id === top} />
        ))}
      </ul>
      {reasons.length > 0 && (
        <ul className="reasons">
          {reasons.map((reason) => (
            <li key={`${reason.persona} ${reason.source} ${reason.detail}`}>
              {evidenceText(reason)}{' '}
              <span className="muted">
                {evidenceStrength(reason.weight)} {nameOf(reason.persona)}
              </span>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}
