// The style that the persona's card asks for beside the style that the answer has.

import type { StyleReport } from '../api/types';
import { styleRows } from './wording';

interface StyleTableProps {
  asked: StyleReport | undefined;
  measured: StyleReport | undefined;
}

export function StyleTable({ asked, measured }: StyleTableProps) {
  return (
    <table className="style-table">
      <thead>
        <tr>
          <th scope="col">
            <span className="visually-hidden">Property</span>
          </th>
          <th scope="col">asked</th>
          <th scope="col">measured</th>
        </tr>
      </thead>
      <tbody>
        {styleRows(asked, measured).map((row) => (
          <tr key={row.name}>
            <th scope="row">{row.name}</th>
            <td>{row.asked || '–'}</td>
            <td>{row.measured || '–'}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
