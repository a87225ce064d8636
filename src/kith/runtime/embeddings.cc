#include "kith/runtime/embeddings.h"

#include <atomic>
#include <utility>

#include "kith/runtime/model_settings.h"

namespace kith::runtime {
namespace {

// Of one request; imports of thousands of long texts on a small machine take minutes.
constexpr std::chrono::seconds kTimeLimit{600};

Result<engine::EmbedRequest> to_engine(const api::EmbeddingsRequest& request,
                                       const model::SentenceEncoder& encoder) {
  engine::EmbedRequest out;
  for (std::size_t i = 0; i < request.inputs.size(); ++i) {
    const api::EmbeddingInput& input = request.inputs[i];
    if (!input.tokens.empty()) {
      auto tokens = input.tokens;
      const auto limit = static_cast<std::size_t>(encoder.max_tokens());
      if (request.truncates && tokens.size() > limit) tokens.resize(limit);
      out.texts.push_back(std::move(tokens));
      continue;
    }
    auto tokenized = encoder.tokenize(input.text, request.truncates);
    if (!tokenized) {
      return std::move(tokenized).error().with_context("text " + std::to_string(i));
    }
    out.texts.push_back(std::move(tokenized->tokens));
  }
  return out;
}

}  // namespace

std::vector<float> shorten(const std::vector<float>& vectors, std::size_t width,
                           std::size_t dimensions) {
  std::vector<float> out;
  for (std::size_t begin = 0; begin + width <= vectors.size(); begin += width) {
    const auto first = vectors.begin() + static_cast<std::ptrdiff_t>(begin);
    const std::size_t at = out.size();
    out.insert(out.end(), first, first + static_cast<std::ptrdiff_t>(dimensions));
    model::normalize(std::span(out).subspan(at));
  }
  return out;
}

OwnEmbeddings::OwnEmbeddings(std::unique_ptr<model::SentenceEncoder> encoder,
                             engine::ComputeThread* thread, const base::Clock& clock)
    : clock_(clock),
      own_thread_(thread == nullptr ? engine::make_compute_thread() : nullptr),
      embedder_(std::move(encoder), thread == nullptr ? *own_thread_ : *thread, clock) {}

Result<server::EmbeddingReply> OwnEmbeddings::embed(const api::EmbeddingsRequest& request,
                                                    const std::stop_token& cancel) {
  KITH_ASSIGN_OR_RETURN(engine::EmbedRequest work, to_engine(request, embedder_.encoder()));
  work.deadline = clock_.monotonic() + kTimeLimit;
  api::EmbeddingsAnswer answer;
  for (const auto& tokens : work.texts) {
    answer.prompt_tokens += static_cast<std::int64_t>(tokens.size());
  }
  answer.model = model();
  answer.dimensions = static_cast<std::size_t>(dimensions());
  KITH_ASSIGN_OR_RETURN(answer.vectors, embedder_.embed(std::move(work), cancel));
  if (request.dimensions && *request.dimensions < dimensions()) {
    const auto wanted = static_cast<std::size_t>(*request.dimensions);
    answer.vectors = shorten(answer.vectors, answer.dimensions, wanted);
    answer.dimensions = wanted;
  }
  return server::EmbeddingReply{api::embeddings_body(answer, request.is_base64),
                                answer.prompt_tokens};
}

Result<server::EmbeddingReply> UpstreamEmbeddings::embed(const api::EmbeddingsRequest& request,
                                                         const std::stop_token& cancel) {
  std::atomic<bool> is_cancelled{false};
  const std::stop_callback on_cancel(cancel, [&is_cancelled] { is_cancelled = true; });
  KITH_ASSIGN_OR_RETURN(std::string body,
                        client_->embeddings(request.upstream_body, &is_cancelled));
  return server::EmbeddingReply{std::move(body), 0};
}

Result<std::unique_ptr<server::EmbeddingService>> make_embeddings(const Config& config,
                                                                  engine::ComputeThread* thread,
                                                                  const base::Clock& clock) {
  using Service = std::unique_ptr<server::EmbeddingService>;
  if (!config.embedding.model.empty()) {
    KITH_ASSIGN_OR_RETURN(auto encoder, model::SentenceEncoder::load(config.embedding.model,
                                                                     encoder_options(config)));
    return Service(std::make_unique<OwnEmbeddings>(std::move(encoder), thread, clock));
  }
  if (config.upstream.url.empty()) return Service();
  KITH_ASSIGN_OR_RETURN(auto client,
                        upstream::OpenAiClient::create(
                            {.base_url = config.upstream.url, .api_key = config.upstream.api_key}));
  return Service(std::make_unique<UpstreamEmbeddings>(std::move(client)));
}

}  // namespace kith::runtime
