// What the server says, after decoding: absent parts of the `kith` object are absent here too.

export interface User {
  id: string;
  attributes: Record<string, string>;
  // Most likely first; absent until the server has assigned one.
  personas?: PersonaWeight[];
}

export interface PersonaCard {
  id: string;
  name: string;
  description: string;
  readingLevel?: number;
}

export interface Article {
  id: string;
  title: string;
  text: string;
  lang?: string;
}

export interface PersonaWeight {
  id: string;
  probability: number;
}

// One reason for (positive weight) or against a persona, in log-odds.
export interface Evidence {
  persona: string;
  source: string;
  detail: string;
  weight: number;
}

export interface PlanStep {
  technique: string;
  used: boolean;
  reason: string;
  tokens: number;
  ms: number;
}

// [start, end) are bytes of the article's UTF-8 text.
export interface Passage {
  id: string;
  title: string;
  start: number;
  end: number;
}

export interface Candidate {
  source: string;
  score: number;
  grounding?: number;
  meanLogprob?: number;
  chosen: boolean;
  excerpt?: string;
}

export type StyleReport = Record<string, string | number>;

export interface Degradation {
  step: string;
  reason: string;
}

// A piece of the prompt and who answered it; no adapters: the base model.
export interface RoutePart {
  start: number;
  end: number;
  persona?: string;
  adapters?: Record<string, number>;
  scores?: PersonaWeight[];
}

// What the router saw in the prompt and made of it.
export interface Route {
  kind: string;
  reason?: string;
  scores?: PersonaWeight[];
  margin?: number;
  threshold?: number;
  split?: number;
  splitThreshold?: number;
  parts?: RoutePart[];
}

export interface Kith {
  user?: string;
  decision?: string;
  conversation?: string;
  personas?: PersonaWeight[];
  assignedPersona?: string;
  // 'normal', 'high' or 'urgent'.
  queueClass?: string;
  evidence?: Evidence[];
  adapter?: string;
  route?: Route;
  plan?: PlanStep[];
  passages?: Passage[];
  candidates?: Candidate[];
  probability?: number;
  styleAsked?: StyleReport;
  styleMeasured?: StyleReport;
  degraded?: Degradation[];
  // Name of the part to milliseconds.
  timing?: Record<string, number>;
}

export interface ChatMessage {
  role: 'user' | 'assistant';
  content: string;
}
