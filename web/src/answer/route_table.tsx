// Which persona's model answered which part of the prompt, and how sure the router was.

import type { Route, RoutePart } from '../api/types';
import { usePersonaName } from '../people/catalogue';
import { percent, routeName } from './wording';

function adapterText(adapters: Record<string, number> | undefined): string {
  const shares = Object.entries(adapters ?? {});
  if (shares.length === 0) return 'base model';
  if (shares.length === 1) return shares[0]?.[0] ?? '';
  return shares.map(([id, weight]) => `${id} ${percent(weight)}`).join(' + ');
}

function scoreText(part: RoutePart, nameOf: (id: string) => string): string {
  const likeliest = (part.scores ?? []).slice(0, 2);
  return likeliest.map(({ id, probability }) => `${nameOf(id)} ${percent(probability)}`).join(', ');
}

function factsOf({ margin, threshold, split }: Route): string {
  const facts = [
    margin === undefined ? '' : `margin ${percent(margin)}`,
    threshold === undefined ? '' : `threshold ${percent(threshold)}`,
    split === undefined ? '' : `two requests ${percent(split)}`,
  ];
  return facts.filter(Boolean).join(', ');
}

export function RouteTable({ route }: { route: Route }) {
  const nameOf = usePersonaName();
  const parts = route.parts ?? [];
  return (
    <>
      <p>{routeName(route.kind)}</p>
      <table className="style-table">
        <thead>
          <tr>
            <th scope="col">{parts.length > 1 ? 'Part' : 'Prompt'}</th>
            <th scope="col">answered by</th>
            <th scope="col">likeliest</th>
          </tr>
        </thead>
        <tbody>
          {parts.map((part, index) => (
            <tr key={part.start}>
              <th scope="row">{parts.length > 1 ? index + 1 : 'all'}</th>
              <td>{adapterText(part.adapters)}</td>
              <td>{scoreText(part, nameOf)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p className="muted">{factsOf(route)}</p>
    </>
  );
}
