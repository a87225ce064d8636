#include "kith/text/chat_formats.h"

#include <algorithm>
#include <string>

namespace kith::text {
namespace {

ChatFormat make_chatml() {
  ChatFormat format;
  format.name = "chatml";
  const ChatFrame frame{"<|im_start|>{role}\n", "<|im_end|>\n"};
  format.system = format.user = format.assistant = format.other = frame;
  format.generation_prompt = "<|im_start|>assistant\n";
  format.stop_pieces = {"<|im_end|>", "<|endoftext|>"};
  return format;
}

ChatFormat make_llama3() {
  ChatFormat format;
  format.name = "llama3";
  format.adds_bos = true;
  const ChatFrame frame{"<|start_header_id|>{role}<|end_header_id|>\n\n", "<|eot_id|>"};
  format.system = format.user = format.assistant = format.other = frame;
  format.generation_prompt = "<|start_header_id|>assistant<|end_header_id|>\n\n";
  format.trims_content = true;
  format.stop_pieces = {"<|eot_id|>", "<|eom_id|>", "<|end_of_text|>"};
  return format;
}

ChatFormat make_llama2() {
  ChatFormat format;
  format.name = "llama2";
  format.adds_bos = true;
  format.system = {"<<SYS>>\n", "\n<</SYS>>\n\n"};
  format.user = {"[INST] ", " [/INST]"};
  format.assistant = {" ", " </s>"};
  format.folds_system_into_user = true;
  format.trims_content = true;
  format.stop_pieces = {"</s>"};
  return format;
}

ChatFormat make_mistral() {
  ChatFormat format = make_llama2();
  format.name = "mistral";
  format.system = {"", "\n\n"};
  format.assistant = {" ", "</s>"};
  return format;
}

// From the third tokenizer on, [INST] and [/INST] are control tokens; a space after one belongs to
// the first piece that SentencePiece makes of the content.
ChatFormat make_mistral_v3() {
  ChatFormat format = make_mistral();
  format.name = "mistral-v3";
  format.user = {"[INST] ", "[/INST]"};
  return format;
}

ChatFormat make_mistral_tekken() {
  ChatFormat format = make_mistral();
  format.name = "mistral-tekken";
  format.user = {"[INST]", "[/INST]"};
  format.assistant = {"", "</s>"};
  format.trims_content = false;
  return format;
}

ChatFormat make_mistral_v7() {
  ChatFormat format = make_mistral_v3();
  format.name = "mistral-v7";
  format.system = {"[SYSTEM_PROMPT] ", "[/SYSTEM_PROMPT]"};
  format.folds_system_into_user = false;
  return format;
}

ChatFormat make_mistral_v7_tekken() {
  ChatFormat format = make_mistral_tekken();
  format.name = "mistral-v7-tekken";
  format.system = {"[SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]"};
  format.folds_system_into_user = false;
  return format;
}

// ChatML whose model thinks aloud unless the prompt holds an empty thought already. It answers at
// once here, as with enable_thinking=False; the format "chatml" lets it think.
ChatFormat make_qwen3() {
  ChatFormat format = make_chatml();
  format.name = "qwen3";
  format.generation_prompt += "<think>\n\n</think>\n\n";
  return format;
}

ChatFormat make_zephyr() {
  ChatFormat format;
  format.name = "zephyr";
  const ChatFrame frame{"<|{role}|>\n", "</s>\n"};
  format.system = format.user = format.assistant = frame;
  format.generation_prompt = "<|assistant|>\n";
  format.stop_pieces = {"</s>"};
  format.stop_texts = {"<|user|>", "<|system|>"};
  return format;
}

ChatFormat make_gemma() {
  ChatFormat format;
  format.name = "gemma";
  format.adds_bos = true;
  format.system = {"", "\n\n"};
  format.user = {"<start_of_turn>user\n", "<end_of_turn>\n"};
  format.assistant = {"<start_of_turn>model\n", "<end_of_turn>\n"};
  format.generation_prompt = "<start_of_turn>model\n";
  format.folds_system_into_user = true;
  format.trims_content = true;
  format.stop_pieces = {"<end_of_turn>", "<eos>"};
  return format;
}

ChatFormat make_phi3() {
  ChatFormat format;
  format.name = "phi3";
  const ChatFrame frame{"<|{role}|>\n", "<|end|>\n"};
  format.system = format.user = format.assistant = frame;
  format.generation_prompt = "<|assistant|>\n";
  format.stop_pieces = {"<|end|>", "<|endoftext|>"};
  return format;
}

ChatFormat make_plain() {
  ChatFormat format;
  format.name = "plain";
  format.adds_bos = true;
  format.system = {"", "\n\n"};
  format.user = {"User: ", "\n"};
  format.assistant = {"Assistant: ", "\n"};
  // Without a space: in most vocabularies it belongs to the first word of the answer.
  format.generation_prompt = "Assistant:";
  format.trims_content = true;
  format.stop_texts = {"\nUser:", "\nAssistant:"};
  return format;
}

}  // namespace

const std::vector<ChatFormat>& built_in_chat_formats() {
  static const std::vector<ChatFormat> kFormats = {
      make_chatml(),     make_llama3(),         make_llama2(),     make_mistral(),
      make_mistral_v3(), make_mistral_tekken(), make_mistral_v7(), make_mistral_v7_tekken(),
      make_qwen3(),      make_zephyr(),         make_gemma(),      make_phi3(),
      make_plain()};
  return kFormats;
}

const ChatFormat* find_chat_format(std::string_view name) {
  const auto& formats = built_in_chat_formats();
  const auto it = std::find_if(formats.begin(), formats.end(),
                               [name](const ChatFormat& format) { return format.name == name; });
  return it == formats.end() ? nullptr : &*it;
}

std::span<const ChatMarkers> chat_markers() {
  // Zephyr and Phi 3 share their role markers; the end marker tells them apart. Llama 2's system
  // frame tells it from Mistral, whose versions differ in where the spaces are.
  static const std::vector<ChatMarkers> kMarkers = {
      {"qwen3", {"<|im_start|>", "<|im_end|>", "enable_thinking"}},
      {"chatml", {"<|im_start|>", "<|im_end|>"}},
      {"llama3", {"<|start_header_id|>", "<|eot_id|>"}},
      {"gemma", {"<start_of_turn>", "<end_of_turn>"}},
      {"llama2", {"[INST]", "<<SYS>>"}},
      {"mistral-v7", {"[SYSTEM_PROMPT] ", "[INST]", "[/INST]"}},
      {"mistral-v7-tekken", {"[SYSTEM_PROMPT]", "[INST]", "[/INST]"}},
      {"mistral", {"[INST]", " [/INST]"}},
      {"mistral-v3", {"[INST] ", "[/INST]"}},
      {"mistral-tekken", {"[INST]", "[/INST]"}},
      {"phi3", {"<|user|>", "<|end|>"}},
      {"phi3", {"'<|' + message['role'] + '|>'", "<|end|>"}},
      {"zephyr", {"<|user|>", "<|assistant|>"}},
  };
  return kMarkers;
}

}  // namespace kith::text
