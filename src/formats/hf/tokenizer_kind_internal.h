// The model type of a tokenizer.json without reading its vocabulary. Entry
// point: read_tokenizer_kind. Private to formats.
#pragma once

#include <filesystem>
#include <string>

namespace graft {

// "model.type": "BPE", "Unigram", "WordPiece", "WordLevel"; "unknown" when the
// vocabulary comes before it or the document is none. Reads no further than
// that place, so that its time does not grow with the vocabulary.
std::string read_tokenizer_kind(const std::filesystem::path& tokenizer_json);

}  // namespace graft
