/* Where large arrays stand. See growing.h. */
#define _DEFAULT_SOURCE /* for madvise */
#include "growing.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

/* Only what a large page would fill is asked for on such: the rest of the array would else cost a whole one. */
void *memory_for(size_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    enum { PAGE = 2 << 20 };
    if (bytes >= LARGE) {
        void *at = aligned_alloc(PAGE, (bytes + PAGE - 1) / PAGE * PAGE);
        if (at)
            madvise(at, bytes / PAGE * PAGE, MADV_HUGEPAGE); /* where it is refused, ordinary pages do */
        return at;
    }
#endif
    return malloc(bytes);
}
