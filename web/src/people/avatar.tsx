import { initialsOf } from './person';
import type { Person } from './person';

export function Avatar({ person }: { person: Person }) {
  return (
    <span className="avatar" aria-hidden="true">
      {initialsOf(person)}
    </span>
  );
}
