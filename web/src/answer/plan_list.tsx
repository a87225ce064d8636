// Which techniques the answer used, which not, and why.

import type { PlanStep } from '../api/types';
import { CheckIcon, MinusIcon } from '../shell/icons';
import { duration, techniqueName } from './wording';

function cost({ tokens, ms }: PlanStep): string {
  const parts = [tokens > 0 ? `${tokens} tokens` : '', ms >= 0.05 ? duration(ms) : ''];
  return parts.filter(Boolean).join(', ');
}

export function PlanList({ plan }: { plan: PlanStep[] }) {
  return (
    <ul className="plan">
      {plan.map((step) => (
        <li key={step.technique} className={step.used ? 'step step-used' : 'step'}>
          {step.used ? <CheckIcon /> : <MinusIcon />}
          <span>
            <span className="step-name">{techniqueName(step.technique)}</span>
            <span className="visually-hidden">{step.used ? ' used: ' : ' not used: '}</span>
            <span className="muted"> {step.reason}</span>
          </span>
          <span className="step-cost">{step.used ? cost(step) : 'not used'}</span>
        </li>
      ))}
    </ul>
  );
}
