// The operator's view of the fleet: how many users each persona has, who came and left, how much
// they ask and how they like it.

import { useEffect, useState } from 'react';

import { isAbort, toFailure } from '../api/failure';
import { fetchFleet } from '../api/fleet';
import type { FleetCounts, FleetFigures } from '../api/fleet';
import type { PersonaCard } from '../api/types';
import { Modal } from '../shell/modal';
import { BarChart } from './bar_chart';

const kSpans = [7, 30, 90];

const percent = (share: number) => `${Math.round(100 * share)} %`;
const dayOf = (time: string) => time.slice(0, 10);

function drift({ joined, left }: FleetCounts): string {
  return joined + left === 0 ? 'none came or left' : `${joined} came, ${left} left`;
}

function thumbs({ answers }: FleetCounts): string {
  return answers === undefined ? 'not told' : `${answers.thumbsUp} up, ${answers.thumbsDown} down`;
}

interface FleetRowProps {
  persona: PersonaCard;
  figures: FleetFigures;
  isChosen: boolean;
  onChoose: () => void;
}

function FleetRow({ persona, figures, isChosen, onChoose }: FleetRowProps) {
  const { total } = figures;
  return (
    <tr className={isChosen ? 'fleet-chosen' : undefined}>
      <th scope="row">
        <button type="button" className="fleet-name" aria-pressed={isChosen} onClick={onChoose}>
          {persona.name}
        </button>
      </th>
      <td>
        {figures.size} <span className="fleet-note">{percent(figures.shareOfUsers)}</span>
      </td>
      <td>{drift(total)}</td>
      <td>
        {total.answers === undefined ? (
          'not told'
        ) : (
          <>
            {total.answers.requests} <span className="fleet-note">{percent(total.answers.share)}</span>
          </>
        )}
      </td>
      <td>{total.toOwnUsers === undefined ? 'not told' : total.toOwnUsers.requests}</td>
      <td>{thumbs(total)}</td>
    </tr>
  );
}

function Charts({ figures }: { figures: FleetFigures }) {
  const chart = (title: string, read: (counts: FleetCounts) => number | undefined) => (
    <BarChart
      title={title}
      bars={figures.buckets.map((counts) => {
        const value = read(counts);
        return { label: dayOf(counts.from), ...(value !== undefined && { value }) };
      })}
    />
  );
  return (
    <div className="fleet-charts">
      {chart('Users', ({ size }) => size)}
      {chart('Came or left', ({ joined, left }) => joined + left)}
      {chart('Answers', ({ answers }) => answers?.requests)}
      {chart('Thumbs down', ({ answers }) => answers?.thumbsDown)}
    </div>
  );
}

type Fleet = Map<string, FleetFigures>;

function useFleet(personas: PersonaCard[], days: number): { fleet: Fleet | undefined; failure: string } {
  const [fleet, setFleet] = useState<Fleet>();
  const [failure, setFailure] = useState('');
  useEffect(() => {
    const controller = new AbortController();
    setFleet(undefined);
    setFailure('');
    Promise.all(personas.map(async ({ id }) => [id, await fetchFleet(id, days, controller.signal)] as const))
      .then((pairs) => setFleet(new Map(pairs)))
      .catch((error: unknown) => {
        if (!isAbort(error)) setFailure(toFailure(error).message);
      });
    return () => controller.abort();
  }, [personas, days]);
  return { fleet, failure };
}

interface FleetDialogProps {
  personas: PersonaCard[];
  onClose: () => void;
}

export function FleetDialog({ personas, onClose }: FleetDialogProps) {
  const [days, setDays] = useState(30);
  const [chosen, setChosen] = useState(personas[0]?.id ?? '');
  const { fleet, failure } = useFleet(personas, days);
  const figures = fleet?.get(chosen);
  return (
    <Modal className="dialog fleet" title="The fleet, by persona" onClose={onClose}>
      <label htmlFor="fleet-days">Span</label>
      <select id="fleet-days" value={days} onChange={(event) => setDays(Number(event.target.value))}>
        {kSpans.map((span) => (
          <option key={span} value={span}>
            {span} days
          </option>
        ))}
      </select>
      {failure !== '' && <p role="alert">{failure}</p>}
      {fleet === undefined && failure === '' && <p role="status">Counting…</p>}
      {fleet !== undefined && (
        <>
          <div className="fleet-scroll" tabIndex={0} role="region" aria-label="Figures by persona">
            <table>
              <thead>
                <tr>
                  <th scope="col">Persona</th>
                  <th scope="col">Users</th>
                  <th scope="col">Drift</th>
                  <th scope="col">Answers it gave</th>
                  <th scope="col">Answers to its users</th>
                  <th scope="col">Thumbs</th>
                </tr>
              </thead>
              <tbody>
                {personas.map((persona) => {
                  const row = fleet.get(persona.id);
                  return (
                    row !== undefined && (
                      <FleetRow
                        key={persona.id}
                        persona={persona}
                        figures={row}
                        isChosen={persona.id === chosen}
                        onChoose={() => setChosen(persona.id)}
                      />
                    )
                  );
                })}
              </tbody>
            </table>
          </div>
          {figures !== undefined && (
            <>
              <h3>{personas.find(({ id }) => id === chosen)?.name}</h3>
              <Charts figures={figures} />
              <p className="fleet-note">
                Thumbs are on answers that the persona gave. Answers and thumbs are told where at least {figures.minUsers} different users asked; grey stubs are
                not told. Days are those of UTC.
              </p>
            </>
          )}
        </>
      )}
    </Modal>
  );
}
