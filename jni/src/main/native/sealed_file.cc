// SPDX-License-Identifier: Apache-2.0

#include "sealed_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

namespace svr2::bridge {

SealedFile::~SealedFile() {
  if (fd_ >= 0) close(fd_);
}

bool SealedFile::Fill(const std::string& bytes) {
  const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  fd_ = memfd_create("svr2-enclave", flags | MFD_EXEC);
  if (fd_ < 0 && errno == EINVAL) fd_ = memfd_create("svr2-enclave", flags);  // Before Linux 6.3.
  if (fd_ < 0) return false;
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = write(fd_, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    done += static_cast<size_t>(n);
  }
  return fcntl(fd_, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) == 0;
}

}  // namespace svr2::bridge
