// Directories, the layouts of the Hugging Face cache, and what a miss says.
#include "graft/formats/hf/model_location.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <string>

#include "graft/base/error.h"
#include "support/temporary_directory.h"

namespace graft {
namespace {

namespace fs = std::filesystem;
using test::TemporaryDirectory;

// Sets environment variables for its lifetime; nullptr unsets.
class ScopedEnvironment {
 public:
  explicit ScopedEnvironment(const std::map<std::string, std::string>& set) {
    for (const char* name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME",
                             "XDG_CACHE_HOME", "HOME"}) {
      const char* old = std::getenv(name);
      if (old != nullptr) old_[name] = old;
      unsetenv(name);
    }
    for (const auto& [name, value] : set) {
      setenv(name.c_str(), value.c_str(), 1);
    }
    set_ = set;
  }
  ~ScopedEnvironment() {
    for (const auto& [name, value] : set_) unsetenv(name.c_str());
    for (const auto& [name, value] : old_) {
      setenv(name.c_str(), value.c_str(), 1);
    }
  }
  ScopedEnvironment(const ScopedEnvironment&) = delete;
  ScopedEnvironment& operator=(const ScopedEnvironment&) = delete;

 private:
  std::map<std::string, std::string> set_;
  std::map<std::string, std::string> old_;
};

// Puts models--acme--tiny into `hub`, refs/main at commit c1.
fs::path add_model(const TemporaryDirectory& directory,
                   const std::string& hub) {
  const std::string repository = hub + "models--acme--tiny/";
  directory.write(repository + "refs/main", "c1");
  directory.write(repository + "snapshots/c1/config.json", "{}");
  directory.write(repository + "snapshots/c0/config.json", "{}");
  return directory.path() / (repository + "snapshots/c1");
}

TEST(ModelLocation, a_path_is_taken_as_it_is) {
  const TemporaryDirectory directory;
  EXPECT_EQ(locate_model(directory.path().string()), directory.path());
  const fs::path file = directory.write("x.gguf", "x");
  EXPECT_EQ(locate_model(file.string()), file);
}

TEST(ModelLocation, a_configuration_is_the_model_around_it) {
  const TemporaryDirectory directory;
  directory.write("m/config.json", "{}");
  EXPECT_EQ(locate_model((directory.path() / "m/config.json").string()),
            directory.path() / "m");
}

TEST(ModelLocation, cache_variables) {
  const TemporaryDirectory directory;
  const std::string root = directory.path().string();
  const std::vector<std::pair<std::map<std::string, std::string>, std::string>>
      rows = {
          {{{"HF_HUB_CACHE", root + "/a"}, {"HF_HOME", root + "/b"}}, "a/"},
          {{{"HF_HOME", root + "/b"}, {"HOME", root + "/c"}}, "b/hub/"},
          {{{"XDG_CACHE_HOME", root + "/d"}}, "d/huggingface/hub/"},
          {{{"HOME", root + "/c"}}, "c/.cache/huggingface/hub/"},
          {{{"HF_HOME", "~/e"}, {"HOME", root}}, "e/hub/"},
      };
  for (const auto& [variables, hub] : rows) {
    const fs::path expected = add_model(directory, hub);
    const ScopedEnvironment environment(variables);
    EXPECT_EQ(locate_model("acme/tiny"), expected) << hub;
  }
}

TEST(ModelLocation, a_snapshot_without_refs) {
  const TemporaryDirectory directory;
  directory.write("models--tiny/snapshots/c7/config.json", "{}");
  const ScopedEnvironment environment(
      {{"HF_HUB_CACHE", directory.path().string()}});
  EXPECT_EQ(locate_model("tiny").filename(), "c7");
  directory.write("models--tiny/snapshots/c8/config.json", "{}");
  EXPECT_THROW(locate_model("tiny"), ConfigError);
  directory.write("models--tiny/refs/main", "../../../etc");
  EXPECT_THROW(locate_model("tiny"), ConfigError);
}

TEST(ModelLocation, a_miss_names_the_download) {
  const TemporaryDirectory directory;
  const ScopedEnvironment environment(
      {{"HF_HUB_CACHE", directory.path().string()}});
  try {
    locate_model("acme/absent");
    ADD_FAILURE() << "found";
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("hf download acme/absent"));
    EXPECT_THAT(error.what(), testing::HasSubstr(directory.path().string()));
  }
}

TEST(ModelLocation, no_hub_id_is_no_download) {
  for (const char* name : {"", "a/b/c", "/absent/dir", "../x", "a b", "-x"}) {
    try {
      locate_model(name);
      ADD_FAILURE() << name;
    } catch (const ConfigError& error) {
      EXPECT_THAT(error.what(), testing::Not(testing::HasSubstr("download")));
    }
  }
}

}  // namespace
}  // namespace graft
