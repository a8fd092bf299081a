// SPDX-License-Identifier: Apache-2.0
//
// Bytes that were checked, handed to a loader that only takes paths: a file without a name that
// nobody can change any more.

#ifndef SVR2_JNI_SEALED_FILE_H_
#define SVR2_JNI_SEALED_FILE_H_

#include <string>

namespace svr2::bridge {

// Closed at the end of the scope.
class SealedFile {
 public:
  SealedFile() = default;
  ~SealedFile();
  SealedFile(const SealedFile&) = delete;
  SealedFile& operator=(const SealedFile&) = delete;

  // Makes the file, once. False when the system refuses; errno says why.
  bool Fill(const std::string& bytes);

  // What opens it in this process, as long as this object lives.
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_ = -1;
};

}  // namespace svr2::bridge

#endif  // SVR2_JNI_SEALED_FILE_H_
