#include "kith/runtime/engine_completions.h"

#include <gmock/gmock.h>

#include <cmath>
#include <cstring>
#include <map>
#include <mutex>
#include <thread>

#include "kith/runtime/test_model.h"
#include "kith/tensor/checkpoint.h"
#include "kith/tensor/safetensors.h"

namespace kith::runtime {
namespace {

using personalize::EncodedSoftPrompt;
using server::CompletionJob;
using server::CompletionReply;
using testing::HasSubstr;

api::CompletionPrompt text_prompt(std::string text) { return {std::move(text), {}, false}; }

api::CompletionPrompt token_prompt(std::vector<text::TokenId> tokens) {
  return {{}, std::move(tokens), true};
}

// Puts the pieces of each choice together.
class Gathered final : public server::CompletionSink {
 public:
  void on_piece(int choice, const api::CompletionChoice& piece) override {
    const std::lock_guard lock(mutex_);
    api::CompletionChoice& whole = choices[choice];
    whole.text += piece.text;
    if (!piece.tokens) return;
    if (!whole.tokens) whole.tokens.emplace();
    whole.tokens->insert(whole.tokens->end(), piece.tokens->begin(), piece.tokens->end());
  }
  std::map<int, api::CompletionChoice> choices;

 private:
  std::mutex mutex_;
};

void expect_same(const api::CompletionChoice& a, const api::CompletionChoice& b,
                 double tolerance = 1e-5) {
  EXPECT_EQ(a.text, b.text);
  ASSERT_EQ(a.tokens.has_value(), b.tokens.has_value());
  if (!a.tokens) return;
  ASSERT_EQ(a.tokens->size(), b.tokens->size());
  for (std::size_t i = 0; i < a.tokens->size(); ++i) {
    const auto& left = (*a.tokens)[i];
    const auto& right = (*b.tokens)[i];
    EXPECT_EQ(left.bytes, right.bytes);
    EXPECT_EQ(left.offset, right.offset);
    ASSERT_EQ(left.logprob.has_value(), right.logprob.has_value());
    EXPECT_NEAR(left.logprob.value_or(0.0), right.logprob.value_or(0.0), tolerance);
    ASSERT_EQ(left.top.size(), right.top.size());
    for (std::size_t k = 0; k < left.top.size(); ++k) {
      EXPECT_EQ(left.top[k].first, right.top[k].first);
      EXPECT_NEAR(left.top[k].second, right.top[k].second, tolerance);
    }
  }
}

class EngineCompletionsTest : public TinyEngineTest {
 protected:
  // Draws words of 12 characters that no end token cuts short.
  static CompletionJob job_for(std::vector<api::CompletionPrompt> prompts) {
    CompletionJob job;
    job.prompts = std::move(prompts);
    job.max_tokens = 12;
    job.sampling.seed = 7;
    for (const auto token : {0, kTurnEnd, kTextEnd, kTurnStart}) {
      job.sampling.logit_bias[token] = -100.0;
    }
    return job;
  }
  CompletionReply must_complete(const CompletionJob& job, server::CompletionSink* sink = nullptr) {
    auto reply = completions_->complete(job, sink, {});
    EXPECT_TRUE(reply) << reply.error().message;
    return reply ? *std::move(reply) : CompletionReply();
  }
  std::string error_of(const CompletionJob& job) {
    const auto reply = completions_->complete(job, nullptr, {});
    return reply ? "accepted" : reply.error().message;
  }

  // The rows with which the model itself begins on these tokens.
  std::vector<float> embeddings_of(const std::vector<text::TokenId>& tokens) const {
    const auto checkpoint = tensor::CheckpointReader::open(model_dir_);
    EXPECT_TRUE(checkpoint);
    const auto table = checkpoint->find("model.embed_tokens.weight");
    EXPECT_TRUE(table);
    std::vector<float> all(static_cast<std::size_t>(table->num_elements()));
    tensor::convert_to_f32(table->bytes, table->dtype, all);
    std::vector<float> rows;
    for (const auto token : tokens) {
      const auto row = all.begin() + static_cast<std::ptrdiff_t>(token) * 32;
      rows.insert(rows.end(), row, row + 32);
    }
    return rows;
  }
  static std::string bytes_of(const std::vector<float>& values) {
    std::string bytes(values.size() * sizeof(float), '\0');
    std::memcpy(bytes.data(), values.data(), bytes.size());
    return bytes;
  }
};

TEST_F(EngineCompletionsTest, PromptsOfOneRequestGetWhatEachGetsAlone) {
  std::vector<api::CompletionPrompt> prompts;
  for (std::size_t i = 0; i < 20; ++i) {
    prompts.push_back(text_prompt(std::string(1 + 3 * i, static_cast<char>('a' + i))));
  }
  CompletionJob all = job_for(prompts);
  all.logprobs = 2;
  all.num_choices = all.best_of = 2;
  const CompletionReply together = must_complete(all);
  ASSERT_EQ(together.choices.size(), 40U);
  int prompt_tokens = 0;
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    CompletionJob one = all;
    one.prompts = {prompts[i]};
    const CompletionReply alone = must_complete(one);
    for (std::size_t j = 0; j < 2; ++j) {
      expect_same(together.choices[2 * i + j], alone.choices[j]);
      EXPECT_EQ(alone.choices[j].text.size(), 12U);
      EXPECT_EQ(alone.choices[j].finish_reason, "length");
    }
    EXPECT_NE(alone.choices[0].text, alone.choices[1].text);
    prompt_tokens += alone.prompt_tokens;
  }
  EXPECT_EQ(together.prompt_tokens, prompt_tokens);
  EXPECT_EQ(together.completion_tokens, 40 * 12);
}

TEST_F(EngineCompletionsTest, PiecesAddUpToTheWhole) {
  CompletionJob job = job_for({text_prompt("Once"), text_prompt("upon a time")});
  job.num_choices = job.best_of = 2;
  job.echo = true;
  job.logprobs = 1;
  job.stop = {"e", "Q"};
  Gathered gathered;
  const CompletionReply whole = must_complete(job, &gathered);
  ASSERT_EQ(gathered.choices.size(), 4U);
  for (int i = 0; i < 4; ++i) {
    expect_same(gathered.choices[i], whole.choices[static_cast<std::size_t>(i)], 0.0);
  }
}

TEST_F(EngineCompletionsTest, EveryTokenStandsWhereItsOffsetSays) {
  CompletionJob job = job_for({text_prompt("a b"), text_prompt("xyz")});
  job.echo = true;
  job.logprobs = 3;
  for (const auto& choice : must_complete(job).choices) {
    ASSERT_EQ(choice.tokens->size(), 15U);
    std::string joined;
    for (const auto& token : *choice.tokens) {
      EXPECT_EQ(choice.text.substr(token.offset, token.bytes.size()), token.bytes);
      joined += token.bytes;
    }
    EXPECT_EQ(joined, choice.text);
    EXPECT_FALSE(choice.tokens->front().logprob);
    const auto& last = choice.tokens->back();
    // Three alternatives, and itself where it is none of them.
    EXPECT_GE(last.top.size(), 3U);
    EXPECT_LE(last.top.size(), 4U);
    EXPECT_GE(last.top[0].second, last.top[1].second);
  }
}

// Prefill tells of a text what decoding told when it wrote it.
TEST_F(EngineCompletionsTest, EchoTellsOfATextWhatWasToldWhenItWasWritten) {
  CompletionJob job = job_for({text_prompt("Once")});
  job.logprobs = 2;
  job.echo = true;
  const auto written = must_complete(job).choices[0];
  CompletionJob read = job_for({text_prompt(written.text)});
  read.logprobs = 2;
  read.echo = true;
  read.max_tokens = 0;
  const CompletionReply reply = must_complete(read);
  expect_same(reply.choices[0], written, 1e-4);
  EXPECT_EQ(reply.choices[0].finish_reason, "length");
  EXPECT_EQ(reply.prompt_tokens, 16);
  EXPECT_EQ(reply.completion_tokens, 0);
}

TEST_F(EngineCompletionsTest, TokensOfAStopStringAreNotToldOf) {
  CompletionJob job = job_for({text_prompt("Once")});
  job.logprobs = 0;
  const auto free = must_complete(job).choices[0];
  job.stop = {free.text.substr(5, 3)};
  const auto stopped = must_complete(job).choices[0];
  EXPECT_EQ(stopped.text, free.text.substr(0, free.text.find(job.stop[0])));
  EXPECT_EQ(stopped.finish_reason, "stop");
  EXPECT_EQ(stopped.tokens->size(), stopped.text.size());
}

TEST_F(EngineCompletionsTest, TheLikeliestOfSeveralIsGiven) {
  CompletionJob job = job_for({text_prompt("Once")});
  job.logprobs = 0;
  job.num_choices = job.best_of = 5;
  const auto mean = [](const api::CompletionChoice& choice) {
    double total = 0.0;
    for (const auto& token : *choice.tokens) total += *token.logprob;
    return total / static_cast<double>(choice.tokens->size());
  };
  double best = -1e9;
  for (const auto& choice : must_complete(job).choices) best = std::max(best, mean(choice));
  job.num_choices = 1;
  const CompletionReply one = must_complete(job);
  ASSERT_EQ(one.choices.size(), 1U);
  EXPECT_NEAR(mean(one.choices[0]), best, 1e-6);
  EXPECT_EQ(one.completion_tokens, 5 * 12);
}

TEST_F(EngineCompletionsTest, TokensMeanTheirTextAndControlTokensCount) {
  const auto ids = generator_->model().tokenizer.encode("Once");
  CompletionJob by_text = job_for({text_prompt("Once")});
  by_text.echo = true;
  CompletionJob by_tokens = by_text;
  by_tokens.prompts = {token_prompt(ids)};
  expect_same(must_complete(by_text).choices[0], must_complete(by_tokens).choices[0]);
  // A plain completion's prompt is the model's own input.
  EXPECT_EQ(must_complete(job_for({text_prompt("<|im_start|>a")})).prompt_tokens, 2);
}

TEST_F(EngineCompletionsTest, WithoutASeedEveryRequestDrawsAnew) {
  CompletionJob job = job_for({text_prompt("Once"), text_prompt("Once")});
  job.sampling.seed.reset();
  const auto drawn = must_complete(job).choices;
  EXPECT_NE(drawn[0].text, drawn[1].text);
  job.sampling.temperature = 0.0;
  const auto greedy = must_complete(job).choices;
  EXPECT_EQ(greedy[0].text, greedy[1].text);
}

TEST_F(EngineCompletionsTest, AdaptersChangeTheTextAndBlendsAddUp) {
  CompletionJob job = job_for({text_prompt("Once")});
  job.logprobs = 0;
  const auto base = must_complete(job).choices[0];
  job.adapters = personalize::only_adapter(AdapterId("calm"));
  const auto adapted = must_complete(job).choices[0];
  EXPECT_NE(std::abs(*base.tokens->front().logprob - *adapted.tokens->front().logprob), 0.0);
  // Two halves of the same adapter make the whole.
  job.adapters = {{AdapterId("calm"), 0.5}, {AdapterId("brisk"), 0.5}};
  expect_same(must_complete(job).choices[0], adapted, 1e-3);
  job.adapters = personalize::only_adapter(AdapterId("nobody"));
  EXPECT_EQ(completions_->complete(job, nullptr, {}).error().code, ErrorCode::kNotFound);
}

TEST_F(EngineCompletionsTest, NumbersOfAdaptersStayWhenOthersGo) {
  const auto numbers = [this] {
    std::map<std::string, int> found;
    for (const auto& adapter : generator_->loaded_adapters()) {
      EXPECT_EQ(adapter.path, adapter.id.str() == "late" ? "brisk" : adapter.id.str());
      found[adapter.id.str()] = adapter.number;
    }
    return found;
  };
  EXPECT_EQ(numbers(), (std::map<std::string, int>{{"brisk", 0}, {"calm", 1}}));
  ASSERT_TRUE(generator_->unload_adapter(AdapterId("brisk")));
  ASSERT_TRUE(generator_->load_adapter(AdapterId("calm"), "calm", true));
  ASSERT_TRUE(generator_->load_adapter(AdapterId("late"), "brisk", false));
  EXPECT_EQ(numbers(), (std::map<std::string, int>{{"calm", 1}, {"late", 2}}));
}

// A model reads the rows of its own table as it reads the tokens.
TEST_F(EngineCompletionsTest, RowsStandWhereTokensWould) {
  const auto ids = generator_->model().tokenizer.encode("Once upon");
  CompletionJob tokens = job_for({text_prompt("Once upon a")});
  tokens.logprobs = 1;
  const auto expected = must_complete(tokens).choices[0];
  const std::vector<float> rows = embeddings_of(ids);

  CompletionJob soft = job_for({text_prompt(" a")});
  soft.logprobs = 1;
  EncodedSoftPrompt raw{EncodedSoftPrompt::Format::kF32, 9, 32, bytes_of(rows)};
  const auto read = generator_->read_soft_prompt(raw);
  ASSERT_TRUE(read) << read.error().message;
  soft.soft_prompt = *read;
  const CompletionReply reply = must_complete(soft);
  expect_same(reply.choices[0], expected, 1e-4);
  EXPECT_EQ(reply.prompt_tokens, 11);

  const tensor::TensorToSave tensor{
      "rows", tensor::DType::kF32, {9, 32}, std::as_bytes(std::span(rows))};
  EncodedSoftPrompt file{EncodedSoftPrompt::Format::kSafetensors, 0, 0,
                         *tensor::serialize_safetensors({&tensor, 1})};
  const auto from_file = generator_->read_soft_prompt(file);
  ASSERT_TRUE(from_file) << from_file.error().message;
  EXPECT_EQ((*from_file)->values, rows);

  // After rows, even the first token of the prompt has a probability; rows alone are a prompt.
  soft.echo = true;
  const auto echoed = must_complete(soft).choices[0];
  EXPECT_TRUE(echoed.tokens->front().logprob);
  EXPECT_EQ(echoed.text, " a" + expected.text);
  soft.prompts = {text_prompt("")};
  EXPECT_EQ(must_complete(soft).prompt_tokens, 9);
}

TEST_F(EngineCompletionsTest, RowsThatDoNotFitAreRefused) {
  const auto error = [this](EncodedSoftPrompt rows) {
    const auto read = generator_->read_soft_prompt(rows);
    if (read) return std::string("accepted");
    EXPECT_EQ(read.error().code, ErrorCode::kInvalidArgument);
    return read.error().message;
  };
  using Format = EncodedSoftPrompt::Format;
  EXPECT_EQ(error({Format::kF32, 1, 2, std::string(8, '\0')}),
            "kith.soft_prompt must be as wide as the model, 32: 2");
  EXPECT_EQ(error({Format::kF16, 256, 32, std::string(256 * 64, '\0')}),
            "kith.soft_prompt must have fewer rows than the context, 256: 256");
  std::vector<float> values(32, 1.0F);
  values[5] = NAN;
  EXPECT_EQ(error({Format::kF32, 1, 32, bytes_of(values)}),
            "kith.soft_prompt: a soft prompt must hold finite numbers");
  EXPECT_THAT(error({Format::kF32, 1, 32, std::string(127, '\0')}), HasSubstr("whole values"));
  // The beginning of a pickle, and of the archive that torch.save() makes.
  EXPECT_THAT(error({Format::kSafetensors, 0, 0, "\x80\x02}q"}), HasSubstr("kith.soft_prompt: "));
  EXPECT_THAT(error({Format::kSafetensors, 0, 0, std::string("PK\x03\x04\0\0\0\0\0\0", 10)}),
              HasSubstr("kith.soft_prompt: "));
}

TEST_F(EngineCompletionsTest, WrongPromptsAreNamed) {
  EXPECT_EQ(error_of(job_for({text_prompt("")})), "prompt: the prompt is empty");
  EXPECT_THAT(error_of(job_for({text_prompt("a"), text_prompt(std::string(256, 'a'))})),
              HasSubstr("prompt[1]: the prompt is too long"));
  EXPECT_THAT(error_of(job_for({token_prompt({5, 96})})), HasSubstr("outside the vocabulary"));
  CompletionJob echo = job_for({text_prompt(std::string(300, 'a'))});
  echo.echo = true;
  echo.logprobs = 1;
  EXPECT_THAT(error_of(echo), HasSubstr("prompt: "));
}

// The tokens of this model cannot write every JSON text.
TEST_F(EngineCompletionsTest, AFormatThatCannotBeKeptIsNamed) {
  CompletionJob job = job_for({text_prompt("Once")});
  job.format.kind = personalize::OutputFormat::Kind::kChoice;
  job.format.choices = {"yes", "no"};
  job.format.member = "guided_choice";
  EXPECT_THAT(error_of(job), HasSubstr("guided_choice: "));
}

TEST_F(EngineCompletionsTest, WorkThatNobodyWaitsForEnds) {
  CompletionJob job = job_for(std::vector<api::CompletionPrompt>(40, text_prompt("Once")));
  job.max_tokens = 200;
  std::stop_source left;
  std::jthread client([&] {
    while (generator_->stats().running == 0) std::this_thread::yield();
    left.request_stop();
  });
  const auto reply = completions_->complete(job, nullptr, left.get_token());
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(generator_->stats().waiting, 0);
}

// Chats take the same rows and adapters.
TEST_F(EngineCompletionsTest, ChatsReadRowsAndBlendsToo) {
  personalize::GenerationRequest request;
  request.messages = {{"user", "hello", {}}};
  request.samples = {{.temperature = 0.0}};
  request.samples[0].wants_logprobs = true;
  request.max_tokens = 4;
  const auto first = [&] {
    const auto texts = generator_->generate(request, nullptr, {});
    EXPECT_TRUE(texts) << texts.error().message;
    return std::pair((*texts)[0].prompt_tokens, (*texts)[0].mean_logprob);
  };
  const auto plain = first();
  request.soft_prompt = *generator_->read_soft_prompt(
      {EncodedSoftPrompt::Format::kF32, 2, 32, bytes_of(embeddings_of({40, 50}))});
  const auto soft = first();
  EXPECT_EQ(soft.first, plain.first + 2);
  EXPECT_NE(soft.second, plain.second);
  const personalize::ScoreRequest score{.messages = request.messages,
                                        .adapters = {},
                                        .soft_prompt = request.soft_prompt,
                                        .tenant = {},
                                        .continuations = {"abc"},
                                        .cancel = {}};
  personalize::ScoreRequest without = score;
  without.soft_prompt = nullptr;
  EXPECT_NE((*generator_->score(score))[0], (*generator_->score(without))[0]);
  request.soft_prompt = nullptr;
  request.adapters = {{AdapterId("calm"), 0.25}, {AdapterId("brisk"), 0.75}};
  EXPECT_NE(first().second, plain.second);
}

TEST_F(EngineCompletionsTest, AChatsStopStringIsNotToldOfEither) {
  personalize::GenerationRequest request;
  request.messages = {{"user", "hello", {}}};
  request.samples = {{.temperature = 1.0, .seed = 3, .wants_logprobs = true}};
  for (const auto token : {0, kTurnEnd, kTextEnd, kTurnStart}) {
    request.samples[0].logit_bias[token] = -100.0;
  }
  request.max_tokens = 12;
  const auto text_of = [&] { return (*generator_->generate(request, nullptr, {}))[0]; };
  request.stop = {text_of().text.substr(6, 2)};
  const auto stopped = text_of();
  EXPECT_EQ(stopped.finish_reason, "stop");
  const auto logprobs = *base::parse_json(stopped.logprobs);
  EXPECT_EQ(logprobs["content"].size(), stopped.text.size());
}

}  // namespace
}  // namespace kith::runtime
