// A message across the page, with one thing to do about it.

interface NoticeProps {
  text: string;
  action?: { label: string; onClick: () => void };
}

export function Notice({ text, action }: NoticeProps) {
  return (
    <div className="notice" role="alert">
      <p>{text}</p>
      {action !== undefined && (
        <button type="button" className="button" onClick={action.onClick}>
          {action.label}
        </button>
      )}
    </div>
  );
}
