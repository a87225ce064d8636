#!/usr/bin/env python3
"""Writes chat templates in the manner of each family and what Jinja renders with them.

    make_chat_goldens.py OUTPUT.json

The output is committed as src/kith/text/testdata/chat.golden.json. The environment is that of
transformers' apply_chat_template. The templates are short forms of the families' own: the same markers and
spaces, without tools.
"""
import argparse
import json
import pathlib

import jinja2.sandbox

MESSAGES = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hi, it's me"},
    {"role": "assistant", "content": "Hello."},
    {"role": "user", "content": "\u6253\u5370\u673a\n- does not print"},
]

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}")

QWEN3 = CHATML.replace(
    "assistant\n{% endif %}",
    "assistant\n{% if enable_thinking is defined and enable_thinking is false %}"
    "<think>\n\n</think>\n\n{% endif %}{% endif %}")

LLAMA3 = (
    "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m['role'] }}<|end_header_id|>\n\n"
    "{{ m['content'] | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}")


def mistral(user: tuple[str, str], assistant: str, system: tuple[str, str] | None = None) -> str:
    """Without a place of its own, the system message opens the first user message."""
    if system:
        begin = "{{ '%s' + m['content'] + '%s' }}" % system
        first = "''"
    else:
        begin = "{% set ns.first = m['content'] + '\n\n' %}"
        first = "ns.first"
    return (
        "{{ bos_token }}{% set ns = namespace(first='') %}{% for m in messages %}"
        "{% if m['role'] == 'system' %}" + begin +
        "{% elif m['role'] == 'user' %}{{ '" + user[0] + "' + " + first + " + m['content'] + '" +
        user[1] + "' }}{% set ns.first = '' %}"
        "{% else %}{{ '" + assistant + "' + m['content'] + eos_token }}{% endif %}{% endfor %}")


CASES = {
    "chatml": CHATML,
    "qwen3": QWEN3,
    "llama3": LLAMA3,
    "mistral": mistral(("[INST] ", " [/INST]"), " "),
    "mistral-v3": mistral(("[INST] ", "[/INST]"), " "),
    "mistral-tekken": mistral(("[INST]", "[/INST]"), ""),
    "mistral-v7": mistral(("[INST] ", "[/INST]"), " ", ("[SYSTEM_PROMPT] ", "[/SYSTEM_PROMPT]")),
    "mistral-v7-tekken": mistral(("[INST]", "[/INST]"), "", ("[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]")),
    "gemma": (
        "{{ bos_token }}{% set ns = namespace(first='') %}{% for m in messages %}"
        "{% if m['role'] == 'system' %}{% set ns.first = m['content'] + '\n\n' %}{% else %}"
        "<start_of_turn>{{ 'model' if m['role'] == 'assistant' else m['role'] }}\n"
        "{{ ns.first + m['content'] | trim }}<end_of_turn>\n{% set ns.first = '' %}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=pathlib.Path)
    output = parser.parse_args().output
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    goldens = []
    for name, template in CASES.items():
        text = environment.from_string(template).render(
            messages=MESSAGES, add_generation_prompt=True, enable_thinking=False, bos_token="",
            eos_token="</s>")
        goldens.append({"format": name, "template": template, "messages": MESSAGES, "text": text,
                        "adds_bos": "bos_token" in template})
    output.write_text(json.dumps(goldens, indent=1) + "\n")


if __name__ == "__main__":
    main()
