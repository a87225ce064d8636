// Where the files that ship with Kith are: the built-in model, the example, the page.
#pragma once

#include <filesystem>

namespace kith::runtime {

// The first of these that exists: $KITH_SHARE, PREFIX/share/kith beside the program's bin
// directory, and the source tree that the program was built from.
std::filesystem::path share_directory();

// share/models/builtin and router, share/web (or web/dist), share/examples/service-desk and
// medical.
std::filesystem::path builtin_model_directory();
std::filesystem::path builtin_encoder_directory();
std::filesystem::path web_directory();
std::filesystem::path service_desk_directory();
std::filesystem::path education_directory();
std::filesystem::path medical_directory();
// share/examples/gate: texts of other domains and false premises, for the gate of adapters.
std::filesystem::path gate_directory();
// share/models/router-desk: the router of the service desk.
std::filesystem::path service_desk_router_directory();
// share/models/user-encoder-desk: the encoder of the service desk's timelines.
std::filesystem::path service_desk_user_encoder_directory();

}  // namespace kith::runtime
