// Where the time went.

import { duration, timingName } from './wording';

export function TimingList({ timing }: { timing: Record<string, number> }) {
  return (
    <dl className="timings">
      {Object.entries(timing).map(([name, ms]) => (
        <div key={name}>
          <dt>{timingName(name)}</dt>
          <dd>{duration(ms)}</dd>
        </div>
      ))}
    </dl>
  );
}
