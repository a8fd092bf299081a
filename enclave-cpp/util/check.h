// SPDX-License-Identifier: Apache-2.0
//
// Assertions that stay on in release: for what must hold whatever any input says. Untrusted input
// is never asserted; it is answered with an error. A failed check ends the enclave at once, since
// losing secrets is acceptable and leaking them is not.

#ifndef SVR2_UTIL_CHECK_H_
#define SVR2_UTIL_CHECK_H_

#include <cstdlib>

// Aborts when `condition` is false. Prints nothing: inside an enclave there is nowhere to print to
// that is not the adversary. A debugger shows the line.
#define SVR2_CHECK(condition)                    \
  do {                                           \
    if (__builtin_expect(!(condition), false)) { \
      ::std::abort();                            \
    }                                            \
  } while (false)

#endif  // SVR2_UTIL_CHECK_H_
