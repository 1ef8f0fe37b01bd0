// The kernel's texts as numbers, and this very process.
#include "graft/base/process_memory.h"

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <fstream>
#include <string>

#include "base/process_memory_internal.h"
#include "support/temporary_directory.h"

namespace graft {
namespace {

namespace fs = std::filesystem;

TEST(ProcessMemory, reads_fields) {
  const std::string text =
      "MemTotal:       100 kB\nMemAvailable:   \t42 kB\nMemAvail: 7 kB\n";
  EXPECT_EQ(meminfo_bytes(text, "MemAvailable"), 42 * 1024);
  EXPECT_EQ(meminfo_bytes(text, "MemAvail"), 7 * 1024);
  EXPECT_FALSE(meminfo_bytes(text, "Mem").has_value());
  EXPECT_FALSE(meminfo_bytes("MemAvailable: none", "MemAvailable").has_value());
  EXPECT_FALSE(meminfo_bytes("", "MemAvailable").has_value());
}

TEST(ProcessMemory, sums_unread_mappings) {
  const std::string text =
      "7f00-7f10 r--s 00000000 00:2d 5   /data/a b.safetensors\n"
      "Size:   64 kB\nRss:   16 kB\nVmFlags: rd sh\n"
      "7f20-7f30 r--p 00000000 00:2d 6   /data/other\n"
      "Size:  900 kB\nRss:    0 kB\n"
      "7f40-7f50 rw-p 00000000 00:00 0\nSize: 8 kB\nRss: 0 kB\n"
      "7f60-7f70 r--s 00010000 00:2d 5   /data/a b.safetensors\n"
      "Size:   32 kB\nRss:   32 kB\n";
  EXPECT_EQ(unread_bytes_of_smaps(text, {"/data/a b.safetensors"}), 48 * 1024);
  EXPECT_EQ(unread_bytes_of_smaps(text, {"/data/none"}), 0);
}

class ControlGroup : public testing::Test {
 protected:
  void add(const std::string& folder, const std::string& limit,
           const std::string& used, const std::string& stat) {
    folder_.write(folder + "/memory.max", limit + "\n");
    folder_.write(folder + "/memory.current", used + "\n");
    folder_.write(folder + "/memory.stat", stat);
  }
  const test::TemporaryDirectory folder_;
};

TEST_F(ControlGroup, takes_the_tightest_of_the_second_version) {
  add("a", "5000", "3000", "anon 1000\nfile 500\nfile_mapped 7\n");
  add("a/b", "max", "10", "");
  EXPECT_EQ(control_group_room(folder_.path(), "0::/a/b\n"), 2500);
  add("a/b", "100", "90", "file 1000\n");
  EXPECT_EQ(control_group_room(folder_.path(), "0::/a/b\n"), 100);
  EXPECT_FALSE(control_group_room(folder_.path(), "0::/none\n").has_value());
  EXPECT_FALSE(control_group_room(folder_.path(), "nonsense").has_value());
}

TEST_F(ControlGroup, reads_the_first_version) {
  folder_.write("memory/x/memory.limit_in_bytes", "900\n");
  folder_.write("memory/x/memory.usage_in_bytes", "400\n");
  folder_.write("memory/x/memory.stat", "total_cache 100\n");
  folder_.write("memory/memory.limit_in_bytes", "9223372036854771712\n");
  folder_.write("memory/memory.usage_in_bytes", "1\n");
  const std::string membership = "5:cpu:/y\n4:memory:/x\n";
  EXPECT_EQ(control_group_room(folder_.path(), membership), 600);
}

TEST(ProcessMemory, knows_this_process) {
  EXPECT_GT(resident_bytes(), 1 << 20);
  EXPECT_GE(peak_resident_bytes(), resident_bytes() * 9 / 10);
  const auto room = memory_room();
  ASSERT_TRUE(room.has_value());
  EXPECT_GT(room->bytes, 0);
  EXPECT_FALSE(room->source.empty());
}

TEST(ProcessMemory, remembers_the_most) {
  constexpr std::int64_t kBytes = std::int64_t{64} << 20;
  const std::int64_t before = resident_bytes();
  EXPECT_EQ(std::string(kBytes, 'x').back(), 'x');
  EXPECT_GT(peak_resident_bytes(), before + kBytes * 9 / 10);
}

TEST(ProcessMemory, a_mapping_is_unread_until_it_is_read) {
  const test::TemporaryDirectory folder;
  constexpr std::size_t kBytes = 8 << 20;
  const fs::path path = folder.write("data", std::string(kBytes, 'x'));
  std::FILE* file = std::fopen(path.c_str(), "rb");
  ASSERT_NE(file, nullptr);
  void* data = mmap(nullptr, kBytes, PROT_READ, MAP_SHARED, fileno(file), 0);
  ASSERT_NE(data, MAP_FAILED);
  EXPECT_EQ(unread_mapped_bytes({path}), static_cast<std::int64_t>(kBytes));
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < kBytes; i += 4096) {
    sum += static_cast<const volatile char*>(data)[i];
  }
  EXPECT_GT(sum, 0);
  EXPECT_EQ(unread_mapped_bytes({path}), 0);
  munmap(data, kBytes);
  std::fclose(file);
}

}  // namespace
}  // namespace graft
