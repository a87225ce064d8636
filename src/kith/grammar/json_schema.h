// JSON Schema (2020-12, and what OpenAI's structured output takes of it) to an automaton of the
// documents that satisfy it.
//
// Every document that the automaton accepts is valid; not every valid document is accepted: objects
// are written in the order of `properties`, members that no `properties` name only where
// `additionalProperties` says so, numbers within 18 digits, constants in one spelling.
// What a schema asks for and is not supported is refused by name with its place; nothing that
// limits documents is ignored. docs/formats/structured-output.md lists every keyword.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "kith/base/result.h"
#include "kith/grammar/automaton.h"

namespace kith::grammar {

inline constexpr std::size_t kMaxSchemaBytes = std::size_t{128} * 1024;
inline constexpr int kMaxSchemaDepth = 64;
// Members of one object of a schema, values of one enum, and texts to choose from.
inline constexpr std::size_t kMaxAlternatives = 2000;

// Errors: kInvalidArgument naming the place ("#/properties/a") and the keyword.
Result<Automaton> compile_json_schema(std::string_view schema);

// Any JSON object.
Automaton any_json_object();

// Exactly one of `texts`.
// Errors: kInvalidArgument if there are none, more than kMaxAlternatives, or an empty one.
Result<Automaton> compile_choice(const std::vector<std::string>& texts);

}  // namespace kith::grammar
