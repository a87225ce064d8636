// What a version in shadow would have done better or worse than the one that serves. Fetched when
// it is opened.

import { useEffect, useState } from 'react';

import { isAbort, toFailure } from '../api/failure';
import { fetchShadow } from '../api/shadow';
import type { ShadowJudgement as Judgement } from '../api/shadow';

const rounded = (value: number) => value.toFixed(2);

function verdictOf({ better, worse, users }: Judgement): string {
  if (users === 0) return 'Nothing has been compared yet.';
  const parts = [];
  if (better.length > 0) parts.push(`better: ${better.join(', ')}`);
  if (worse.length > 0) parts.push(`worse: ${worse.join(', ')}`);
  return parts.length === 0 ? 'No difference is shown.' : `Shown ${parts.join('; ')}.`;
}

function Figures({ judgement }: { judgement: Judgement }) {
  return (
    <table className="shadow-figures">
      <thead>
        <tr>
          <th scope="col">Measure</th>
          <th scope="col">Shadow</th>
          <th scope="col">Served</th>
          <th scope="col">Change, 95 %</th>
        </tr>
      </thead>
      <tbody>
        {judgement.figures.map((figure) => (
          <tr key={figure.name}>
            <th scope="row">{figure.name.replaceAll('_', ' ')}</th>
            <td>{rounded(figure.shadow)}</td>
            <td>{rounded(figure.served)}</td>
            <td>
              {rounded(figure.change)} ({rounded(figure.low)} to {rounded(figure.high)})
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

interface ShadowJudgementProps {
  persona: string;
  version: number;
}

export function ShadowJudgement({ persona, version }: ShadowJudgementProps) {
  const [isOpen, setIsOpen] = useState(false);
  const [judgement, setJudgement] = useState<Judgement>();
  const [failure, setFailure] = useState('');
  useEffect(() => {
    if (!isOpen) return undefined;
    const controller = new AbortController();
    setFailure('');
    fetchShadow(persona, version, controller.signal)
      .then(setJudgement)
      .catch((error: unknown) => {
        if (!isAbort(error)) setFailure(toFailure(error).message);
      });
    return () => controller.abort();
  }, [isOpen, persona, version]);
  return (
    <details className="version-gate" onToggle={(event) => setIsOpen(event.currentTarget.open)}>
      <summary>What it would have said</summary>
      {failure !== '' && <p role="alert">{failure}</p>}
      {judgement !== undefined && (
        <>
          <p>
            {verdictOf(judgement)}{' '}
            <span className="version-note">
              {judgement.answers} answers to {judgement.users} users. It says what can be counted in a text, not what
              users would like better.
            </span>
          </p>
          {judgement.figures.length > 0 && <Figures judgement={judgement} />}
          {judgement.examples.map((example, index) => (
            <dl key={index} className="shadow-example">
              <dt>Served</dt>
              <dd>{example.served}</dd>
              <dt>Shadow</dt>
              <dd>{example.shadow}</dd>
            </dl>
          ))}
        </>
      )}
    </details>
  );
}
