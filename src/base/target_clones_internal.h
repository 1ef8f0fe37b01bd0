// Builds a loop for three instruction sets on x86, of which the fitting one is
// taken at start. Entry points: GRAFT_CLONES before a function, GRAFT_INLINE
// before what it calls. Private to base and nn.
#pragma once

#if defined(__x86_64__) && defined(__linux__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__clang__)
#define GRAFT_CLONES \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define GRAFT_CLONES
#endif
#define GRAFT_INLINE inline __attribute__((always_inline))
