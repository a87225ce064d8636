import { ChartIcon, KeyIcon, LayersIcon, MoonIcon, RestartIcon, SunIcon } from './icons';
import { useTheme } from './theme';

interface HeaderProps {
  model: string | undefined;
  canRestart: boolean;
  onRestart: () => void;
  onKey: () => void;
  // Absent for keys that may not see them.
  onVersions?: () => void;
  onFleet?: () => void;
}

export function Header({ model, canRestart, onRestart, onKey, onVersions, onFleet }: HeaderProps) {
  const { theme, toggle } = useTheme();
  return (
    <header className="header">
      <h1 className="brand">
        <svg className="brand-mark" viewBox="0 0 32 24" aria-hidden="true">
          <circle className="brand-a" cx="11" cy="12" r="8" />
          <circle className="brand-b" cx="21" cy="12" r="8" />
        </svg>
        Kith
      </h1>
      {model !== undefined && (
        <p className="header-model">
          <span className="visually-hidden">Model: </span>
          {model}
        </p>
      )}
      <div className="header-actions">
        {canRestart && (
          <button type="button" className="button button-quiet" onClick={onRestart}>
            <RestartIcon />
            <span className="button-label">New conversation</span>
          </button>
        )}
        {onFleet !== undefined && (
          <button type="button" className="button button-quiet" aria-label="Fleet" onClick={onFleet}>
            <ChartIcon />
            <span className="button-label">Fleet</span>
          </button>
        )}
        {onVersions !== undefined && (
          <button type="button" className="button button-quiet" aria-label="Versions" onClick={onVersions}>
            <LayersIcon />
            <span className="button-label">Versions</span>
          </button>
        )}
        <button type="button" className="icon-button" aria-label="API key" onClick={onKey}>
          <KeyIcon />
        </button>
        <button
          type="button"
          className="icon-button"
          aria-label={theme === 'dark' ? 'Use light colours' : 'Use dark colours'}
          onClick={toggle}
        >
          {theme === 'dark' ? <SunIcon /> : <MoonIcon />}
        </button>
      </div>
    </header>
  );
}
