#include "kith/eval/bridge_cost.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <optional>

#include "kith/base/file.h"
#include "kith/base/json.h"
#include "kith/model/bridge.h"
#include "kith/model/decoder.h"
#include "kith/model/memory_matrix.h"
#include "kith/timeline/event_encoder.h"

namespace kith::eval {
namespace {

namespace fs = std::filesystem;
using text::TokenId;

constexpr int kPassRows = 512;

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

double square(double value) { return value * value; }

// Of a pass over `rows` rows whose logits are wanted once.
double decoder_products(const model::DecoderConfig& c, double rows, bool has_head) {
  const double hidden = c.hidden_size;
  const double heads = static_cast<double>(c.num_heads) * c.head_dim;
  const double kv = static_cast<double>(c.num_kv_heads) * c.head_dim;
  const double matrices =
      hidden * (2.0 * heads + 2.0 * kv) + 3.0 * hidden * static_cast<double>(c.intermediate_size);
  const double seen = square(rows) / 2.0;
  return c.num_layers * (rows * matrices + 2.0 * seen * heads) +
         (has_head ? hidden * static_cast<double>(c.vocab_size) : 0.0);
}

// docs/formats/user-encoder.md: of the Perceiver over `states` states.
Result<double> perceiver_products(const fs::path& encoder, double states) {
  KITH_ASSIGN_OR_RETURN(const std::string text, base::read_file(encoder / "perceiver_config.json"));
  KITH_ASSIGN_OR_RETURN(const base::Json json, base::parse_json(text));
  const auto number = [&](const char* key) -> Result<double> {
    KITH_ASSIGN_OR_RETURN(const auto value, base::read_integer(json, key));
    if (!value) return Error{ErrorCode::kInvalidArgument, std::string(key) + " is missing"};
    return static_cast<double>(*value);
  };
  KITH_ASSIGN_OR_RETURN(const double width, number("width"));
  KITH_ASSIGN_OR_RETURN(const double rows, number("num_latents"));
  KITH_ASSIGN_OR_RETURN(const double layers, number("num_layers"));
  KITH_ASSIGN_OR_RETURN(const double between, number("intermediate_size"));
  return layers * (2.0 * states * square(width) + 2.0 * rows * square(width) +
                   2.0 * rows * states * width + 3.0 * rows * width * between);
}

double bridge_products(const model::Bridge& bridge, double rows, double tokens) {
  if (bridge.soft_prompt != nullptr) {
    const auto& c = bridge.soft_prompt->config();
    return rows * c.intermediate_size *
           (static_cast<double>(c.memory_width) + static_cast<double>(c.hidden_size));
  }
  const auto& c = bridge.cross_attention->config();
  const double layers = static_cast<double>(c.layers.size());
  return layers * (2.0 * rows * c.memory_width * c.kv_size() +
                   2.0 * tokens * c.hidden_size * c.q_size() + 2.0 * tokens * rows * c.q_size());
}

class FirstToken {
 public:
  FirstToken(model::Decoder& decoder, const base::Clock& clock)
      : decoder_(decoder), clock_(clock) {}

  double now_ms() const {
    return std::chrono::duration<double, std::milli>(clock_.monotonic()).count();
  }

  // A prompt's logits, in passes as the engine makes them.
  Status answer(const std::vector<TokenId>& tokens, const model::SoftPrompt* soft,
                const model::ProjectedMemory* memory) {
    const int num_blocks = static_cast<int>(tokens.size()) / nn::kBlockTokens + 1;
    auto cache = decoder_.make_cache(num_blocks);
    std::vector<std::int32_t> blocks(static_cast<std::size_t>(num_blocks));
    std::iota(blocks.begin(), blocks.end(), 0);
    std::vector<float> logits;
    for (std::size_t begin = 0; begin < tokens.size(); begin += kPassRows) {
      const std::size_t count = std::min<std::size_t>(kPassRows, tokens.size() - begin);
      model::Chunk chunk;
      chunk.tokens = std::span(tokens).subspan(begin, count);
      chunk.position = static_cast<std::int32_t>(begin);
      chunk.blocks = blocks;
      chunk.soft_prompt = soft;
      chunk.memory = memory;
      KITH_RETURN_IF_ERROR(decoder_.forward({&chunk, 1}, cache, logits));
    }
    return {};
  }

  Status through_bridge(timeline::EventEncoder& encoder, const model::Bridge& bridge,
                        const HistoryPrompt& prompt, std::vector<TokenId> question,
                        double& encoder_ms) {
    const double start = now_ms();
    KITH_ASSIGN_OR_RETURN(auto state, encoder.start());
    KITH_RETURN_IF_ERROR(encoder.append(state, prompt.history));
    auto embedding = encoder.embed(state);
    KITH_ASSIGN_OR_RETURN(const auto matrix, model::MemoryMatrix::create(
                                                 std::move(embedding.latents), encoder.width()));
    if (bridge.soft_prompt == nullptr) {
      KITH_ASSIGN_OR_RETURN(const auto memory, bridge.cross_attention->project(*matrix));
      encoder_ms = now_ms() - start;
      return answer(question, nullptr, memory.get());
    }
    KITH_ASSIGN_OR_RETURN(const auto soft, bridge.soft_prompt->project(*matrix));
    encoder_ms = now_ms() - start;
    std::vector<TokenId> tokens;
    for (int row = 0; row < soft->rows(); ++row) tokens.push_back(model::soft_token(row));
    tokens.insert(tokens.end(), question.begin(), question.end());
    return answer(tokens, soft.get(), nullptr);
  }

 private:
  model::Decoder& decoder_;
  const base::Clock& clock_;
};

}  // namespace

std::vector<TokenId> prompt_tokens(const text::Tokenizer& tokenizer, const std::string& message) {
  const std::array<text::TextPart, 3> parts{{{"<|im_start|>user\n", true},
                                             {message, false},
                                             {"<|im_end|>\n<|im_start|>assistant\n", true}}};
  return tokenizer.encode_parts(parts);
}

Result<FirstTokenCost> first_token_cost(const fs::path& model_dir, const fs::path& encoder_dir,
                                        const fs::path& bridge_dir,
                                        const std::vector<HistoryPrompt>& prompts,
                                        const base::Clock& clock) {
  KITH_ASSIGN_OR_RETURN(const auto tokenizer, text::Tokenizer::load(model_dir));
  KITH_ASSIGN_OR_RETURN(const auto decoder, model::Decoder::load(model_dir));
  KITH_ASSIGN_OR_RETURN(const auto encoder, timeline::EventEncoder::load(encoder_dir));
  KITH_ASSIGN_OR_RETURN(const auto bridge, model::load_bridge(bridge_dir, decoder->config(), {}));
  KITH_ASSIGN_OR_RETURN(const auto shape, model::load_decoder_config(encoder_dir));
  FirstToken first(*decoder, clock);
  std::vector<double> text_ms;
  std::vector<double> bridge_ms;
  std::vector<double> encoder_ms(prompts.size());
  FirstTokenCost cost;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const auto whole = prompt_tokens(tokenizer, prompts[i].with_history);
    const auto question = prompt_tokens(tokenizer, prompts[i].question);
    const double begun = first.now_ms();
    KITH_RETURN_IF_ERROR(first.answer(whole, nullptr, nullptr));
    const double between = first.now_ms();
    KITH_RETURN_IF_ERROR(
        first.through_bridge(*encoder, bridge, prompts[i], question, encoder_ms[i]));
    text_ms.push_back(between - begun);
    bridge_ms.push_back(first.now_ms() - between);
    const auto events = static_cast<double>(prompts[i].history.size());
    const auto rows = static_cast<double>(encoder->num_latents());
    auto tokens = static_cast<double>(question.size());
    KITH_ASSIGN_OR_RETURN(const double perceiver, perceiver_products(encoder_dir, events));
    cost.text_products +=
        decoder_products(decoder->config(), static_cast<double>(whole.size()), true);
    cost.bridge_products +=
        decoder_products(shape, events, false) + perceiver + bridge_products(bridge, rows, tokens);
    if (bridge.soft_prompt != nullptr) tokens += rows;
    cost.bridge_products += decoder_products(decoder->config(), tokens, true);
  }
  const auto count = static_cast<double>(prompts.size());
  cost.text_products /= count;
  cost.bridge_products /= count;
  cost.text_ms = median(std::move(text_ms));
  cost.bridge_ms = median(std::move(bridge_ms));
  cost.encoder_ms = median(std::move(encoder_ms));
  return cost;
}

}  // namespace kith::eval
