// Who can change what stands at a path. What is loaded or believed must have been put there by this user or by root.
#pragma once

#include <filesystem>
#include <string>

namespace imbrex::runtime {

// Empty if the file or folder belongs to this user or to root and nobody else may write to it. Otherwise the reason, for a
// message:
// "'/srv/cache' belongs to user 1001". What is not there is nobody's.
std::string why_not_ours(const std::filesystem::path& path);

// The same for a folder and all that lead to it, by every name: whoever may rename one of them decides what is found. Folders in
// which everybody may make files, such as /tmp, do no harm on the way where they are sticky. What is not there yet is no reason.
std::string why_others_decide(const std::filesystem::path& folder);

// Makes the folders of the path that are not there, for this user alone. Throws std::filesystem::filesystem_error.
void make_own_directories(const std::filesystem::path& folder);

}  // namespace imbrex::runtime
