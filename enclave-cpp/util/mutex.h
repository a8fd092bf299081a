// SPDX-License-Identifier: Apache-2.0
//
// std::mutex with clang thread-safety annotations: what is SVR2_GUARDED_BY a mutex can only be
// touched by code that provably holds it (clang -Wthread-safety, an error in this build; no effect
// under g++). https://clang.llvm.org/docs/ThreadSafetyAnalysis.html

#ifndef SVR2_UTIL_MUTEX_H_
#define SVR2_UTIL_MUTEX_H_

#include <mutex>

#if defined(__clang__)
#define SVR2_THREAD_ANNOTATION(x) __attribute__((x))
#else
#define SVR2_THREAD_ANNOTATION(x)
#endif

#define SVR2_CAPABILITY(x) SVR2_THREAD_ANNOTATION(capability(x))
#define SVR2_SCOPED_CAPABILITY SVR2_THREAD_ANNOTATION(scoped_lockable)
#define SVR2_GUARDED_BY(x) SVR2_THREAD_ANNOTATION(guarded_by(x))
#define SVR2_PT_GUARDED_BY(x) SVR2_THREAD_ANNOTATION(pt_guarded_by(x))
#define SVR2_REQUIRES(...) SVR2_THREAD_ANNOTATION(requires_capability(__VA_ARGS__))
#define SVR2_EXCLUDES(...) SVR2_THREAD_ANNOTATION(locks_excluded(__VA_ARGS__))
#define SVR2_ACQUIRE(...) SVR2_THREAD_ANNOTATION(acquire_capability(__VA_ARGS__))
#define SVR2_RELEASE(...) SVR2_THREAD_ANNOTATION(release_capability(__VA_ARGS__))
#define SVR2_TRY_ACQUIRE(...) SVR2_THREAD_ANNOTATION(try_acquire_capability(__VA_ARGS__))
#define SVR2_ACQUIRED_BEFORE(...) SVR2_THREAD_ANNOTATION(acquired_before(__VA_ARGS__))
#define SVR2_ACQUIRED_AFTER(...) SVR2_THREAD_ANNOTATION(acquired_after(__VA_ARGS__))
#define SVR2_RETURN_CAPABILITY(x) SVR2_THREAD_ANNOTATION(lock_returned(x))
#define SVR2_NO_THREAD_SAFETY_ANALYSIS SVR2_THREAD_ANNOTATION(no_thread_safety_analysis)

namespace svr2::util {

// Not recursive. Thread-safe by nature.
class SVR2_CAPABILITY("mutex") Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void Lock() SVR2_ACQUIRE() { mutex_.lock(); }
  void Unlock() SVR2_RELEASE() { mutex_.unlock(); }
  bool TryLock() SVR2_TRY_ACQUIRE(true) { return mutex_.try_lock(); }

 private:
  std::mutex mutex_;
};

// Holds a mutex for a scope.
class SVR2_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex* mutex) SVR2_ACQUIRE(mutex) : mutex_(mutex) { mutex_->Lock(); }
  ~MutexLock() SVR2_RELEASE() { mutex_->Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex* const mutex_;
};

}  // namespace svr2::util

#endif  // SVR2_UTIL_MUTEX_H_
