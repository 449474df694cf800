#include "imbrex/runtime/trust.h"

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace imbrex::runtime {
namespace {

namespace fs = std::filesystem;

// Where each user has a group of the same name, folders are often writable for the group, which is nobody else.
bool is_group_of_this_user_alone(gid_t group) {
  std::array<char, 4096> user_text, group_text;
  struct passwd user = {}, *found_user = nullptr;
  struct group its = {}, *found_group = nullptr;
  if (getpwuid_r(geteuid(), &user, user_text.data(), user_text.size(), &found_user) != 0 || found_user == nullptr) return false;
  if (getgrgid_r(group, &its, group_text.data(), group_text.size(), &found_group) != 0 || found_group == nullptr) return false;
  const std::string name = user.pw_name;
  bool alone = its.gr_name == name;
  for (char** member = its.gr_mem; *member != nullptr; ++member) alone = alone && *member == name;
  return alone;
}

// A list of further users and groups. Where there is one, the group's bits of the mode are the most that any of them may, not
// what the group may. The kernel keeps none that says no more than the mode.
bool has_access_list(const fs::path& path) { return getxattr(path.c_str(), "system.posix_acl_access", nullptr, 0) > 0; }

std::string reason(const fs::path& path, const struct stat& file, bool may_be_sticky) {
  if (file.st_uid != 0 && file.st_uid != geteuid()) return fmt::format("'{}' belongs to user {}", path.string(), file.st_uid);
  if (S_ISLNK(file.st_mode) || (may_be_sticky && (file.st_mode & S_ISVTX) != 0)) return "";
  if ((file.st_mode & S_IWOTH) != 0) return fmt::format("everybody may write to '{}'", path.string());
  if ((file.st_mode & S_IWGRP) == 0) return "";
  if (has_access_list(path)) return fmt::format("an access control list says who may write to '{}'", path.string());
  if (is_group_of_this_user_alone(file.st_gid)) return "";
  return fmt::format("its group may write to '{}'", path.string());
}

std::string why_names_can_change(const fs::path& folder) {
  fs::path path;
  for (const fs::path& part : folder) {
    path /= part;
    struct stat file = {};
    if (lstat(path.c_str(), &file) != 0) return "";
    if (std::string why = reason(path, file, path != folder); !why.empty()) return why;
  }
  return "";
}

}  // namespace

std::string why_not_ours(const fs::path& path) {
  struct stat file = {};
  if (lstat(path.c_str(), &file) != 0) return fmt::format("'{}' is not there", path.string());
  return reason(path, file, false);
}

std::string why_others_decide(const fs::path& folder) {
  std::error_code error;
  const fs::path absolute = fs::absolute(folder, error).lexically_normal();
  if (std::string why = why_names_can_change(absolute); !why.empty()) return why;
  const fs::path real = fs::weakly_canonical(absolute, error);
  return error || real == absolute ? "" : why_names_can_change(real);
}

void make_own_directories(const fs::path& folder) {
  fs::path path;
  for (const fs::path& part : folder) {
    path /= part;
    std::error_code ignored;
    if (fs::exists(path, ignored) || mkdir(path.c_str(), S_IRWXU) == 0 || errno == EEXIST) continue;
    throw fs::filesystem_error("cannot make a directory", path, std::error_code(errno, std::generic_category()));
  }
  std::error_code ignored;
  if (!fs::is_directory(folder, ignored))
    throw fs::filesystem_error("cannot make a directory", folder, std::make_error_code(std::errc::not_a_directory));
}

}  // namespace imbrex::runtime
