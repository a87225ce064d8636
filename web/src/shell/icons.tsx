// Line icons, 20 by 20, in the colour of the text. All are decoration: the button names itself.

import type { ReactNode } from 'react';

function Icon({ children }: { children: ReactNode }) {
  return (
    <svg className="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      {children}
    </svg>
  );
}

const path = (d: string) =>
  function PathIcon() {
    return (
      <Icon>
        <path d={d} />
      </Icon>
    );
  };

export const ChevronIcon = path('M5.5 8 10 12.5 14.5 8');
export const ChartIcon = path('M4.5 16V11M10 16V5M15.5 16V8.5');
export const LayersIcon = path('M10 4 16.5 7.5 10 11 3.5 7.5ZM3.5 11.5 10 15l6.5-3.5');
export const SendIcon = path('M10 16V4.5M5 9l5-5 5 5');
export const CheckIcon = path('M4.5 10.5 8.5 14.5 15.5 6');
export const MinusIcon = path('M6 10h8');
export const CloseIcon = path('M5 5l10 10M15 5 5 15');
export const SunIcon = path(
  'M10 6.5a3.5 3.5 0 1 0 0 7 3.5 3.5 0 0 0 0-7ZM10 2v1.5M10 16.5V18M2 10h1.5M16.5 10H18M4.3 4.3l1.1 1.1M14.6 14.6l1.1 1.1M4.3 15.7l1.1-1.1M14.6 5.4l1.1-1.1',
);
export const MoonIcon = path('M16 11.8A6.5 6.5 0 0 1 8.2 4a6.5 6.5 0 1 0 7.8 7.8Z');
export const KeyIcon = path('M7 9.8a3.3 3.3 0 1 0 0 6.6 3.3 3.3 0 0 0 0-6.6ZM9.4 10.7 16.5 3.6M12.6 7.5l2.3 2.3M15 5.1l1.8 1.8');
export const PageIcon = path('M5.5 3h6l3.5 3.5V17h-9.5zM11 3v4h4M8 11h4.5M8 13.8h4.5');
export const RestartIcon = path('M4 10a6 6 0 1 0 1.9-4.4M4 3.5v3.2h3.2');
export const ThumbUpIcon = path(
  'M6.5 9 9.6 3a1.7 1.7 0 0 1 1.7 1.9L11 8h4a1.6 1.6 0 0 1 1.6 1.9l-1 5.2a1.6 1.6 0 0 1-1.6 1.4H6.5ZM6.5 9H3.5v7.5h3',
);
export const ThumbDownIcon = path(
  'M13.5 11l-3.1 6a1.7 1.7 0 0 1-1.7-1.9L9 12H5a1.6 1.6 0 0 1-1.6-1.9l1-5.2A1.6 1.6 0 0 1 6 3.5h7.5ZM13.5 11h3V3.5h-3',
);

export function StopIcon() {
  return (
    <Icon>
      <rect className="icon-solid" x="5.5" y="5.5" width="9" height="9" rx="1.5" />
    </Icon>
  );
}
