// Pages that are given back leave memory and stay readable.
#include "graft/io/mapped_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "graft/base/process_memory.h"
#include "support/temporary_directory.h"

namespace graft {
namespace {

class MappedFileTest : public testing::Test {
 protected:
  static constexpr std::size_t kSize = std::size_t{8} << 20;

  void SetUp() override {
    directory_.write("file", std::string(kSize, 'x'));
    file_ = MappedFile::open(directory_.path() / "file");
  }
  // Reads one byte of each page; bytes that are then out of memory.
  std::int64_t unread_after_reading() const {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    for (std::size_t i = 0; i < kSize; i += page) {
      EXPECT_EQ(file_->bytes()[i], std::byte{'x'}) << i;
    }
    return unread();
  }
  std::int64_t unread() const {
    return unread_mapped_bytes({directory_.path() / "file"});
  }

  const test::TemporaryDirectory directory_;
  std::shared_ptr<const MappedFile> file_;
};

TEST_F(MappedFileTest, gives_pages_back_by_address) {
  EXPECT_EQ(unread_after_reading(), 0);
  release_mapped_bytes(file_->bytes().subspan(kSize / 2));
  EXPECT_EQ(unread(), kSize / 2);
  EXPECT_EQ(unread_after_reading(), 0);
}

TEST_F(MappedFileTest, leaves_memory_that_is_not_mapped_alone) {
  EXPECT_EQ(unread_after_reading(), 0);
  const std::string other(kSize, 'y');
  release_mapped_bytes(std::as_bytes(std::span(other)));
  release_mapped_bytes({});
  EXPECT_EQ(other, std::string(kSize, 'y'));
  EXPECT_EQ(unread(), 0);
}

TEST_F(MappedFileTest, a_closed_file_is_no_longer_listed) {
  const auto bytes = file_->bytes();
  file_.reset();
  release_mapped_bytes(bytes);
  const auto again = MappedFile::open(directory_.path() / "file");
  EXPECT_EQ(again->bytes().size(), kSize);
}

// A range beyond the end is cut to what is mapped.
TEST_F(MappedFileTest, releases_no_more_than_is_mapped) {
  const auto second = MappedFile::open(directory_.path() / "file");
  EXPECT_EQ(unread_after_reading(), kSize);
  release_mapped_bytes({file_->bytes().data(), 2 * kSize});
  EXPECT_EQ(unread(), 2 * kSize);
}

}  // namespace
}  // namespace graft
