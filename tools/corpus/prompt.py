"""The prompt that Kith composes, written the same way for training (see docs/formats/prompt.md)."""

DESK = "You are the IT service desk assistant of Northgate Instruments."
ASSISTANT = "You are a helpful assistant."


def documents_block(passages):
    """passages: [(title, text)] in the order of the retrieval."""
    return "## Documents\n" + "\n".join(f"[{i}] {title}\n{text}" for i, (title, text) in enumerate(passages, start=1))


def system(head, passages=(), style=None, evidence=None):
    parts = [head] if head else []
    if style:
        parts.append("## About the user\n" + style)
    if passages:
        parts.append(documents_block(passages))
    if evidence:
        parts.append("## Evidence\n" + evidence)
    return "\n\n".join(parts)


def chat(question, answer, passages=(), head=ASSISTANT, style=None, evidence=None):
    messages = []
    text = system(head, passages, style, evidence)
    if text:
        messages.append({"role": "system", "content": text})
    messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return {"messages": messages}
