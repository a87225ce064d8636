#include "kith/runtime/load/small_checkpoint.h"

#include <string>
#include <vector>

#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/base/rng.h"
#include "kith/tensor/checkpoint.h"
#include "kith/tensor/safetensors.h"
#include "kith/text/byte_symbols.h"

namespace kith::runtime::load {
namespace {

namespace fs = std::filesystem;
using base::Json;

constexpr const char* kTable = "model.embed_tokens.weight";
// The end of a text, the end and the start of a turn, the end of a line, ' ' to '~'.
constexpr int kTextEnd = 0;
constexpr int kTurnEnd = 1;
constexpr int kTurnStart = 2;
constexpr int kLineEnd = 3;
constexpr int kFirstCharacter = 4;
constexpr int kNumCharacters = 95;
constexpr int kVocabSize = kFirstCharacter + kNumCharacters;
// Spread of the table's values: as in the checkpoint, so that no token is much likelier.
constexpr double kSpread = 0.5;

// Rows like those of the table, for a vocabulary of another size. Little-endian bf16.
std::string make_table(std::size_t width) {
  base::Rng rng(20);
  std::string bytes;
  for (std::size_t i = 0; i < kVocabSize * width; ++i) {
    const auto value = static_cast<float>((rng.uniform() * 2.0 - 1.0) * kSpread);
    const std::uint16_t bits = tensor::f32_to_bf16(value);
    bytes += static_cast<char>(bits & 0xFFU);
    bytes += static_cast<char>(bits >> 8U);
  }
  return bytes;
}

Status write_weights(const fs::path& tiny, const fs::path& dir) {
  KITH_ASSIGN_OR_RETURN(const auto reader, tensor::CheckpointReader::open(tiny));
  const auto table = reader.find(kTable);
  if (!table || table->shape.size() != 2 || table->dtype != tensor::DType::kBf16) {
    return Error{ErrorCode::kInvalidArgument, "the checkpoint has no table of bf16 embeddings"};
  }
  const std::string rows = make_table(static_cast<std::size_t>(table->shape[1]));
  std::vector<tensor::TensorToSave> tensors;
  for (const std::string& name : reader.names()) {
    const auto view = reader.find(name);
    tensors.push_back({name, view->dtype, {view->shape.begin(), view->shape.end()}, view->bytes});
    if (name != kTable) continue;
    tensors.back().shape[0] = kVocabSize;
    tensors.back().bytes = std::as_bytes(std::span(rows));
  }
  return tensor::save_safetensors(dir / "model.safetensors", tensors);
}

Status write_config(const fs::path& tiny, const fs::path& dir, int context) {
  KITH_ASSIGN_OR_RETURN(const std::string text, base::read_file(tiny / "config.json"));
  KITH_ASSIGN_OR_RETURN(auto config, base::parse_json(text));
  config["max_position_embeddings"] = context;
  config["vocab_size"] = kVocabSize;
  config["bos_token_id"] = kTextEnd;
  config["eos_token_id"] = kTextEnd;
  return base::write_file_atomically(dir / "config.json", base::dump_json(config));
}

Status write_tokenizer(const fs::path& dir) {
  Json vocab = Json::object();
  vocab[text::bytes_to_symbols("\n")] = kLineEnd;
  for (int i = 0; i < kNumCharacters; ++i) {
    vocab[text::bytes_to_symbols(std::string(1, static_cast<char>(' ' + i)))] = kFirstCharacter + i;
  }
  const auto token = [](int id, const char* content) {
    return Json{{"id", id}, {"content", content}, {"special", true}};
  };
  const Json root = {
      {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", Json::array()}}},
      {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", true}}},
      {"decoder", {{"type", "ByteLevel"}}},
      {"added_tokens",
       {token(kTextEnd, "<|endoftext|>"), token(kTurnEnd, "<|im_end|>"),
        token(kTurnStart, "<|im_start|>")}}};
  KITH_RETURN_IF_ERROR(base::write_file_atomically(dir / "tokenizer.json", base::dump_json(root)));
  const Json config = {
      {"eos_token", "<|im_end|>"},
      {"chat_template", "{% for m in messages %}<|im_start|>{{m.role}}..<|im_end|>{% endfor %}"}};
  return base::write_file_atomically(dir / "tokenizer_config.json", base::dump_json(config));
}

}  // namespace

Status write_small_checkpoint(const fs::path& tiny, const fs::path& dir, int context) {
  std::error_code error;
  fs::create_directories(dir, error);
  if (error) return Error{ErrorCode::kUnavailable, "making " + dir.string()};
  KITH_RETURN_IF_ERROR(write_weights(tiny, dir));
  KITH_RETURN_IF_ERROR(write_config(tiny, dir, context));
  return write_tokenizer(dir);
}

}  // namespace kith::runtime::load
