// A small chart of one figure over time: a bar for each span, up to the highest. Spans without a
// figure have a grey stub instead of a bar, so that "not told" never looks like "none".

export interface Bar {
  label: string;
  // Absent: not told.
  value?: number;
}

interface BarChartProps {
  title: string;
  bars: Bar[];
}

const kWidth = 640;
const kHeight = 72;

export function BarChart({ title, bars }: BarChartProps) {
  const highest = Math.max(1, ...bars.map(({ value }) => value ?? 0));
  const step = kWidth / Math.max(1, bars.length);
  const told = bars.filter(({ value }) => value !== undefined);
  const summary =
    told.length === 0
      ? `${title}: no figure is told.`
      : `${title}: ${told.length} of ${bars.length} figures told, at most ${highest}.`;
  return (
    <figure className="fleet-chart">
      <figcaption>
        {title} <span className="fleet-highest">up to {highest}</span>
      </figcaption>
      <svg viewBox={`0 0 ${kWidth} ${kHeight}`} role="img" aria-label={summary} preserveAspectRatio="none">
        {bars.map(({ label, value }, index) => {
          const height = value === undefined ? 6 : Math.max(value > 0 ? 2 : 0.5, (kHeight * value) / highest);
          return (
            <rect
              key={label}
              className={value === undefined ? 'fleet-bar fleet-bar-withheld' : 'fleet-bar'}
              x={index * step + step * 0.1}
              y={kHeight - height}
              width={step * 0.8}
              height={height}
            >
              <title>{`${label}: ${value === undefined ? 'not told' : value}`}</title>
            </rect>
          );
        })}
      </svg>
    </figure>
  );
}
